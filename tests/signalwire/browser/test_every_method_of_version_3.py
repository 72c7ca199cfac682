"""Every method of a call of `@signalwire/js` 3.30.0, and of its client, does what its row says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from tests.signalwire.browser import table
from tests.signalwire.browser.stage import Page
from tests.signalwire.browser.verdicts import THROWS, VERDICTS

Tab = Callable[..., Page]
THREE = "version3.html"
BOTH_WAYS = {"audio": True, "video": True, "receiveVideo": True}
# (method, argument, what version 4 at the other end is told of the participant, its value then)
STATES: tuple[tuple[str, dict[str, Any], str, Any], ...] = (
    ("audioMute", {}, "muted", True), ("audioUnmute", {}, "muted", False),
    ("videoMute", {}, "videoMuted", True), ("videoUnmute", {}, "videoMuted", False),
    ("deaf", {}, "deaf", True), ("undeaf", {}, "deaf", False),
    ("setRaisedHand", {}, "raised", True), ("setRaisedHand", {"raised": False}, "raised", False),
)  # fmt: skip
VOLUMES: tuple[tuple[str, dict[str, Any], str, Any], ...] = (
    ("setInputVolume", {"volume": -20}, "input", 60),
    ("setOutputVolume", {"volume": -15}, "output", 70),
    ("setInputSensitivity", {"value": 50}, "sensitivity", 50),
)
FLAGS: tuple[tuple[str, dict[str, Any], str, Any], ...] = (
    ("setAudioFlags", {"echoCancellation": False}, "echo", False),
    ("setAudioFlags", {"echoCancellation": True}, "echo", True),
)
OTHERS = ("audioMute", "audioUnmute", "videoMute", "videoUnmute", "setRaisedHand")
# What returns at once what the page has, or is called by every test.
PLAIN = ["on", "off", "once", "removeAllListeners", "destroy", "start", "answer", "setLocalStream", "leave"]


def test_every_method_is_called_by_a_test() -> None:
    source = Path(__file__).read_text() + (Path(__file__).parent / "test_version_3_of_the_sdk.py").read_text()
    source += (Path(__file__).parent / "page3.mjs").read_text()
    for kind in ("FabricRoomSession", "SignalWire"):
        for name, what in table.packages()["v3"][1][kind].items():
            throws = VERDICTS["v3"][kind][name].says == THROWS  # all of those are called
            if what == "method" and name not in PLAIN and not throws:
                assert f'"{name}"' in source or f".{name}(" in source, name


def invoke(page: Page, call: str, name: str, *given: Any, kind: str = "FabricRoomSession") -> dict[str, Any]:
    """The SDK repeats what is refused for ten seconds before it says so."""
    return dict(page.run("invoke", call, kind, name, list(given), 15_000))


def does(page: Page, call: str, name: str, *given: Any) -> dict[str, Any]:
    done = invoke(page, call, name, *given)
    assert "error" not in done, (name, done)
    assert page.statuses(call)[-1] not in ("hangup", "destroy"), name
    return done


@pytest.mark.soak_only
@pytest.mark.timeout(400)
@pytest.mark.parametrize("where", ["pair", "room"])
def test_every_method_of_a_call_has_its_effect_or_is_refused(
    tab: Tab, instance: Instance, where: str
) -> None:
    room = where == "room"
    alice, bob = tab("alice", query=THREE), tab("bob")
    if room:
        body = {"name": "third", "moderator": "subscribers"}
        instance.api("POST", "/api/fabric/resources/conference_rooms", body)
        call = alice.dial("/public/third?channel=video", audio=True, video=True)
        other = bob.dial("/public/third?channel=video", **BOTH_WAYS)
    else:
        call = alice.dial("/private/bob?channel=video", audio=True, video=True, userVariables={"order": 7})
        other = bob.rings()
        assert bob.facts(other)["userVariables"]["order"] == 7
        bob.run("answer", other, {"audio": True, "video": True})
    alice.reaches(call, "started", 30)
    bob.until(lambda: len(bob.participants(other)) == 2, "both", 20)

    def told(who: str, field: str) -> Any:
        return bob.participants(other)[who][field]

    him = bob.participants(other)["bob"]["id"]
    for name, given, field, value in (*STATES, *(VOLUMES if room else ()), *FLAGS):
        does(alice, call, name, given)
        bob.until(lambda: told("alice", field) == value, f"{name}: {field} {value}")  # noqa: B023
    for name, given, field, value in STATES + VOLUMES:
        if room:
            does(alice, call, name, {**given, "memberId": him})
            bob.until(lambda: told("bob", field) == value, f"{name}: {field} {value}")  # noqa: B023
        elif name in OTHERS:
            before = told("bob", field)
            assert "capability" in invoke(alice, call, name, {**given, "memberId": him})["error"], name
            assert told("bob", field) == before
    for name in ("setInputVolume", "setOutputVolume", "setInputSensitivity", "lock", "unlock", "setLayout"):
        if not room:
            assert "Missing" in invoke(alice, call, name, {"volume": 5, "value": 5, "name": "1x1"})["error"]
    assert (
        "Missing setPositions"
        in invoke(alice, call, "setPositions", {"positions": {"self": "auto"}})["error"]
    )

    assert len(does(alice, call, "getMembers")["value"]["members"]) == 2
    if room:
        assert "from 0 to 100" in invoke(alice, call, "setInputVolume", {"volume": 10})["error"]
        does(alice, call, "setInputVolume", {"volume": -50})
        bob.is_silent(other)
        does(alice, call, "setInputVolume", {"volume": 0})
        bob.hears(other)
        assert does(alice, call, "getLayouts")["value"] == {"layouts": ["1x1"]}
        does(alice, call, "setLayout", {"name": "1x1"})
        assert "no layout grid" in invoke(alice, call, "setLayout", {"name": "grid"})["error"]
        does(alice, call, "lock")
        bob.until(lambda: bob.facts(other)["locked"], "the lock")
        does(alice, call, "unlock")
        bob.until(lambda: not bob.facts(other)["locked"], "the opening")
    else:
        assert "no layout" in invoke(alice, call, "getLayouts")["error"]

    does(alice, call, "hold")
    alice.is_silent(call)
    does(alice, call, "unhold")
    alice.hears(call)
    does(alice, call, "sendDigits", "1")
    for name in ("setVideoDirection", "setAudioDirection"):
        does(alice, call, name, "recvonly")
        if name == "setAudioDirection":
            bob.is_silent(other)
        does(alice, call, name, "sendrecv")
    bob.hears(other)
    bob.sees(other)
    does(alice, call, "updateMedia", {"video": {"direction": "recvonly"}})
    does(alice, call, "updateMedia", {"video": {"direction": "sendrecv"}})
    does(alice, call, "updateCamera", {})
    does(alice, call, "updateMicrophone", {})
    does(alice, call, "updateSpeaker", {"deviceId": "default"})
    assert "error" in invoke(alice, call, "getMemberOverlay", him)  # without a rootElement

    does(alice, call, "startScreenShare")
    bob.sees_red(other)
    bob.until(lambda: "alice (screen)" in bob.participants(other), "the screen among the participants")
    bob.hears(other)
    if room:
        does(alice, call, "removeMember", {"memberId": him})
        bob.reaches(other, "destroyed")
        assert "error" not in invoke(alice, call, "hangup")
    else:
        assert "error" not in invoke(alice, call, "end")
        bob.reaches(other, "destroyed")
    alice.reaches(call, "destroy")


@pytest.mark.soak_only
def test_the_methods_of_the_client(tab: Tab, token: Callable[[str], str]) -> None:
    token("bob")
    alice = tab("alice", query=THREE)

    def client(name: str, *given: Any) -> dict[str, Any]:
        return invoke(alice, "", name, *given, kind="SignalWire")

    assert client("getSubscriberInfo")["value"]["display_name"] == "alice"
    assert any(each["name"] == "bob" for each in client("address.getAddresses")["value"]["data"])
    assert client("address.getAddress", {"name": "/private/bob"})["value"]["name"] == "bob"
    for name, found in VERDICTS["v3"]["SignalWire"].items():
        if found.says == THROWS:
            assert "error" in client(name, {}), name
    for name in ("registerDevice", "unregisterDevice"):
        given = {"deviceType": "iOS", "deviceToken": "x", "id": "x"}
        assert "not_supported" in client(name, given)["error"], name
    assert "error" not in client("offline")
    assert "error" not in client("online", {"incomingCallHandlers": {}})
    assert "error" in client("updateToken", "x.y.z")
    assert "error" not in client("updateToken", token("alice"))
    assert client("getSubscriberInfo")["value"]["display_name"] == "alice"
    assert "error" not in client("reattach", {"to": "/public/tone"})
    for name in ("Chat", "PubSub", "Video"):
        assert alice.run("held", "", "exports", [name])[name]["kind"] == "object"
    bob = tab("bob", query=THREE)
    assert "error" not in invoke(bob, "", "disconnect", kind="SignalWire")


def test_a_lost_socket_leaves_its_call_alone(tab: Tab) -> None:
    alice, bob = tab("alice", query=THREE), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    other = bob.rings()
    bob.run("answer", other, {"audio": True})
    alice.reaches(call, "started")
    before = alice.run("socketCount")
    alice.run("drop")
    alice.until(lambda: alice.run("socketCount") > before, "a second socket")
    assert "error" not in alice.run("act", call, "getMembers")
    alice.hears(call)
    assert bob.statuses(other)[-1] == "connected"
    assert alice.run("act", call, "hangup") == {"value": None}
    bob.reaches(other, "destroyed")
