"""Every public member of `@signalwire/js`, 4.0.0-beta.12 and 3.30.0: has a row, and does what the row says.

The rows are docs/signalwire-js.md. In Chromium, in a call between two and in a room, each value is read, each
observable subscribed to and each method called: what resolves has its effect on what another participant is
told, what fails says why, and no call ends that should not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from tests.signalwire.browser import table
from tests.signalwire.browser.stage import Page
from tests.signalwire.browser.verdicts import THROWS, VERDICTS

Tab = Callable[..., Page]
NUMBERS = itertools.count()
BOTH_WAYS = {"audio": True, "video": True, "receiveVideo": True}
OBJECTS = ("SignalWire", "ClientSession", "Directory", "Address", "User", "ClientPreferences", "Call",
           "SelfParticipant", "Participant", "SelfCapabilities")  # fmt: skip
# Observables that say when something has happened, and nothing before.
EVENTS = (
    "destroyed$",
    "deviceRecovered$",
    "errors$",
    "signalingEvent$",
    "mediaParamsUpdated$",
    "recoveryEvent$",
)
IN_ROOMS = ("layout$", "layouts$", "layoutLayers$")
ALWAYS = {
    "nodeId": "callwright", "isAudience": False, "lowbitrate": False, "denoise": False, "meta": {},
    "raiseHandPriority": False, "coverUrl": None, "previewUrl": None, "pushNotificationKey": "",
}  # fmt: skip
# (method, arguments, what others are told of the participant, its value then)
STATES: tuple[tuple[str, list[Any], str, Any], ...] = (
    ("mute", [], "muted", True), ("unmute", [], "muted", False),
    ("toggleMute", [], "muted", True), ("toggleMute", [], "muted", False),
    ("muteVideo", [], "videoMuted", True), ("unmuteVideo", [], "videoMuted", False),
    ("toggleMuteVideo", [], "videoMuted", True), ("toggleMuteVideo", [], "videoMuted", False),
    ("toggleDeaf", [], "deaf", True), ("toggleDeaf", [], "deaf", False),
    ("toggleHandraise", [], "raised", True), ("toggleHandraise", [], "raised", False),
    ("toggleEchoCancellation", [], "echo", False), ("toggleEchoCancellation", [], "echo", True),
    ("toggleAudioInputAutoGain", [], "gain", False), ("toggleAudioInputAutoGain", [], "gain", True),
    ("toggleNoiseSuppression", [], "noise", False), ("toggleNoiseSuppression", [], "noise", True),
)  # fmt: skip
VOLUMES: tuple[tuple[str, list[Any], str, Any], ...] = (
    ("setAudioInputSensitivity", [50], "sensitivity", 50),
    ("setAudioInputVolume", [60], "input", 60),
    ("setAudioOutputVolume", [70], "output", 70),
)
OWN = ("enableStudioAudio", "disableStudioAudio")
# Methods that act in the browser alone: they fail in no call, and no call fails by them.
LOCAL: dict[str, tuple[tuple[str, list[Any]], ...]] = {
    "SelfParticipant": (
        ("addAudioInputDevice", []), ("addVideoInputDevice", []),
        ("addInputDevices", [{"audio": True, "video": True}]),
        ("setAudioInputDeviceConstraints", [{"echoCancellation": True}]),
        ("setVideoInputDeviceConstraints", [{"width": 320}]),
        ("setInputDevicesConstraints", [{"audio": {}, "video": {}}]),
    ),
    "SignalWire": (
        ("enumerateDevices", []), ("enableDeviceMonitoring", []), ("disableDeviceMonitoring", []),
        ("disableAudioInput", []), ("enableAudioInput", []), ("disableVideoInput", []),
        ("enableVideoInput", []),
        ("requestMediaPermissions", [{"audio": True}]), ("exportDiagnostics", []),
        ("deviceInfoToConstraints", [None]), ("isValidDevice", [None]), ("clearDeviceState", []),
        ("resetToDefaults", []),
    ),
}  # fmt: skip
# Methods that a test of their own runs, with sound and picture.
ELSEWHERE = {
    "test_the_sdk_talks.py": "Call.transfer Call.hangup",
    "test_the_sdk_is_called.py": "Call.answer Call.reject SignalWire.dial",
    "test_the_sdk_writes.py": "Address.sendText",
    "test_the_sdk_shares_screens.py": "SelfParticipant.startScreenShare SelfParticipant.stopScreenShare",
    "test_the_sdk_moderates_a_room.py": "Participant.remove",
    "test_guests_embeds_and_invites_call_out.py": "exports.embeddableCall",
    "test_the_sdk_recovers_media.py": "Call.requestIceRestart",
}
# What needs a device or an element that the page hands in; they return what the browser has.
HANDED_IN = (
    "applySelectedAudioOutputDevice",
    "getDeviceCapabilities",
    "selectAudioInputDevice",
    "selectAudioOutputDevice",
    "selectVideoInputDevice",
    "setStorageManager",
    "enableSavePreferences",
)


@pytest.mark.parametrize("version", ["v4", "v3"])
def test_every_member_has_its_row_and_every_row_its_member(version: str) -> None:
    assert sum(len(found) for found in table.packages()[version][1].values()) > 100
    assert table.faults(version) == []


def test_the_page_in_the_documentation_is_the_packages() -> None:
    """Written anew by `python -m tests.signalwire.browser.table`."""
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def methods_of(kind: str) -> set[str]:
    return {name for name, what in table.packages()["v4"][1][kind].items() if what == "method"}


def test_every_method_of_version_4_is_called_by_a_test() -> None:
    called = {f"{kind}.{name}" for kind, acts in LOCAL.items() for name, _ in acts}
    for kind in ("SelfParticipant", "Participant"):
        called |= {f"{kind}.{name}" for name, *_ in STATES + VOLUMES}
    called |= {f"SelfParticipant.{name}" for name in (*OWN, "addAdditionalDevice", "removeAdditionalDevice")}
    here = Path(__file__).parent
    for file, names in ELSEWHERE.items():
        text = (here / file).read_text() + (here / "page.mjs").read_text()
        for name in names.split():
            assert name.split(".")[1] in text, (file, name)
            called.add(name)
    source = Path(__file__).read_text()
    for kind in OBJECTS:
        for name in methods_of(kind):
            throws = VERDICTS["v4"][kind][name].says != table.WORKS
            plain = name in (*HANDED_IN, "destroy", "end", "remove") or f'"{name}"' in source
            assert throws or plain or f"{kind}.{name}" in called, f"{kind}.{name}"


@dataclass
class Scene:
    """Alice, who acts, and bob, who is told."""

    alice: Page
    bob: Page
    call: str
    other: str

    def act(self, kind: str, name: str, *given: Any) -> dict[str, Any]:
        done = dict(self.alice.run("invoke", self.call, kind, name, list(given)))
        for page, call in ((self.alice, self.call), (self.bob, self.other)):
            assert page.statuses(call)[-1] in ("connected", "connecting"), (kind, name, page.statuses(call))
        return done

    def does(self, kind: str, name: str, *given: Any) -> dict[str, Any]:
        done = self.act(kind, name, *given)
        assert "error" not in done, (kind, name, done)
        return done

    def told(self, who: str, field: str) -> Any:
        return self.bob.participants(self.other)[who][field]

    def close(self) -> None:
        for page, call in ((self.alice, self.call), (self.bob, self.other)):
            if page.statuses(call)[-1] != "destroyed":
                # The SDK throws where the far end's goodbye overtakes it.
                page.page.evaluate("name => window.hangup(name).catch(() => null)", call)


@pytest.fixture(params=["pair", "room"])
def scene(request: pytest.FixtureRequest, tab: Tab, instance: Instance) -> Iterator[Scene]:
    alice, bob = tab("alice"), tab("bob")
    if request.param == "room":
        name = f"members{next(NUMBERS)}"
        body = {"name": name, "moderator": "subscribers"}
        instance.api("POST", "/api/fabric/resources/conference_rooms", body)
        call, other = (page.dial(f"/public/{name}?channel=video", **BOTH_WAYS) for page in (alice, bob))
    else:
        call = alice.dial("/private/bob", **BOTH_WAYS, userVariables={"order": 7})
        other = bob.rings()
        bob.run("answer", other, {"audio": True, "video": True})
    for page, name in ((alice, call), (bob, other)):
        page.reaches(name, "connected", 30)
        page.until(lambda page=page, name=name: len(page.participants(name)) == 2, "both", 20)
    alice.run("talk", "/private/bob")
    found = Scene(alice, bob, call, other)
    yield found
    found.close()


@pytest.mark.soak_only
@pytest.mark.timeout(300)
def test_every_value_of_version_4_is_there(scene: Scene, request: pytest.FixtureRequest) -> None:
    room = "room" in request.node.name
    for kind in OBJECTS:
        members, verdicts = table.packages()["v4"][1][kind], VERDICTS["v4"][kind]
        wanted = [name for name, what in members.items() if what != "method" and name != "get$"]
        for name, found in scene.alice.run("held", scene.call, kind, wanted, 3000).items():
            found_verdict = table.verdict(verdicts, name)
            assert found_verdict is not None
            if found_verdict.says == THROWS:
                assert "Unimplemented" in found["error"], (kind, name)
            elif name in EVENTS or (name in IN_ROOMS and not room):
                assert "error" not in found or "pending" in found["error"], (kind, name, found)
            else:
                assert "error" not in found, (kind, name, found)
                plain = name.removesuffix("$")
                if plain in ALWAYS and "always" in found_verdict.note:
                    assert found.get("value") == ALWAYS[plain], (kind, name, found)


@pytest.mark.soak_only
@pytest.mark.timeout(400)
def test_every_method_of_version_4_does_what_its_row_says(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    room = "room" in request.node.name
    alice, bob, call, other = scene.alice, scene.bob, scene.call, scene.other
    names = {"SelfParticipant": "alice", "Participant": "bob"}
    for kind, who in names.items():
        for name, given, field, value in STATES + VOLUMES:
            before = scene.told(who, field)
            if room or (kind == "SelfParticipant" and (name, given, field, value) in STATES):
                scene.does(kind, name, *given)
                bob.until(lambda: scene.told(who, field) == value, f"{kind}.{name}: {field} {value}")  # noqa: B023
                alice.until(lambda: alice.participants(call)[who][field] == value, f"{name} told")  # noqa: B023
            else:
                assert "error" in scene.act(kind, name, *given), (kind, name)
                assert scene.told(who, field) == before, (kind, name)
        for name in ("setMeta", "updateMeta", "toggleLowbitrate"):
            assert "Unimplemented" in scene.act(kind, name, {})["error"], (kind, name)
        assert "not supported" in scene.act(kind, "setPosition", "auto")["error"]
    for name in OWN:
        scene.does("SelfParticipant", name)
    alice.hears(call)
    bob.hears(other)

    assert "undefined" in scene.does("SelfParticipant", "addAdditionalDevice", {"video": True})["kind"]
    bob.until(lambda: "alice (device)" in bob.participants(other), "the further device")
    for kind, acts in LOCAL.items():
        for name, given in acts:
            scene.does(kind, name, *given)

    for name in ("setMeta", "updateMeta", "startRecording", "startStreaming", "toggleIncomingVideo"):
        assert "Unimplemented" in scene.act("Call", name, {})["error"], name
    assert "Unimplemented" in scene.act("Call", "toggleIncomingAudio")["error"]
    scene.does("Call", "sendDigits", "1")
    scene.does("Call", "requestKeyframe")
    assert scene.does("Call", "subscribe", "member.updated")["kind"] == "object"
    for name in ("call.nonsense", "call.member.position.set"):
        assert "not supported" in scene.act("Call", "executeMethod", "x", name, {})["error"]
    request_of = {"jsonrpc": "2.0", "id": "own", "method": "call.nonsense", "params": {}}
    assert "error" in scene.act("Call", "execute", request_of)
    assert "error" in scene.act("ClientSession", "execute", request_of)
    scene.does("Call", "toggleHold")
    alice.is_silent(call)
    scene.does("Call", "toggleHold")
    alice.hears(call)
    if room:
        scene.does("Call", "toggleLock")
        for page, mine in ((bob, other), (alice, call)):  # the SDK toggles what its own page knows
            page.until(lambda: page.facts(mine)["locked"], "the lock")  # noqa: B023
        scene.does("Call", "toggleLock")
        bob.until(lambda: not bob.facts(other)["locked"], "the opening")
        scene.does("Call", "setLayout", "1x1", {})
    else:
        assert "between two" in scene.act("Call", "toggleLock")["error"]
    assert "not available" in scene.act("Call", "setLayout", "grid", {})["error"]

    identity = scene.does("Directory", "findAddressIdByURI", "/private/bob")["value"]
    scene.does("Directory", "get", identity)
    scene.does("Directory", "loadMore")
    scene.does("SignalWire", "register")


@pytest.mark.soak_only
@pytest.mark.timeout(300)
def test_what_ends_a_client_ends_it(tab: Tab, instance: Instance) -> None:
    alice, bob = tab("erin"), tab("frank")
    assert "error" not in alice.run("invoke", "", "SignalWire", "unregister", [])
    unheard = bob.dial("/private/erin", audio=True)
    bob.page.wait_for_timeout(2500)
    assert alice.run("incoming") == []
    bob.run("hangup", unheard)
    bob.reaches(unheard, "destroyed")
    assert "error" not in alice.run("invoke", "", "SignalWire", "register", [])
    found = alice.run("invoke", "", "SignalWire", "preflight", ["/public/echo", {}], 30_000)
    assert "error" not in found, found
    call = bob.dial("/private/erin", audio=True)
    ringing = alice.rings()
    alice.run("answer", ringing, {"audio": True})
    bob.reaches(call, "connected")
    assert "error" not in alice.run("invoke", ringing, "SelfParticipant", "end", [])
    bob.reaches(call, "destroyed")
    instance.api(
        "POST", "/api/fabric/resources/conference_rooms", {"name": "ends", "moderator": "subscribers"}
    )
    call, other = alice.dial("/public/ends"), bob.dial("/public/ends")
    alice.until(lambda: len(alice.participants(call)) == 2, "both")
    assert alice.run("rule", call, "frank", "end") is None
    bob.reaches(other, "destroyed")
    assert alice.statuses(call)[-1] == "connected"
    assert "error" not in alice.run("invoke", call, "SignalWire", "connect", [])
    for page, name in ((alice, "destroy"), (bob, "disconnect")):
        assert "error" not in page.run("invoke", "", "SignalWire", name, []), name
