"""`@signalwire/js` 3.30.0, the npm package as it is, in Chromium with granted microphone and camera."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]
THREE = "version3.html"


@pytest.mark.soak_only
def test_it_dials_and_hangs_up(tab: Tab) -> None:
    alice = tab("alice", query=THREE)
    call = alice.dial("/public/tone", audio=True)
    alice.reaches(call, "started")
    alice.hears(call)
    assert alice.run("act", call, "hangup") == {"value": None}
    alice.reaches(call, "destroy")
    assert alice.run("errors") == []


@pytest.mark.soak_only
def test_it_is_called_and_answers(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob", query=THREE)
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": False})
    alice.reaches(call, "connected")
    bob.reaches(ringing, "call.joined")
    alice.hears(call)
    bob.hears(ringing)


@pytest.mark.parametrize(
    "wish",
    [
        {"audio": True},
        pytest.param({"audio": True, "video": True, "receiveVideo": True}, marks=pytest.mark.soak_only),
    ],
)
def test_it_answers_with_its_own_defaults(tab: Tab, wish: dict[str, bool]) -> None:
    """With the camera, whether somebody asked for a picture or not."""
    alice, bob = tab("alice"), tab("bob", query=THREE)
    call = alice.dial("/private/bob", **wish)
    ringing = bob.rings()
    bob.run("answer", ringing, {})
    alice.reaches(call, "connected")
    bob.reaches(ringing, "call.joined")
    alice.hears(call)
    bob.hears(ringing)
    if "video" in wish:
        alice.sees(call)
        bob.sees(ringing)
    assert bob.run("errors") == []


@pytest.mark.soak_only
@pytest.mark.parametrize("picture", [True, False])
def test_it_dials_with_microphone_and_camera(tab: Tab, picture: bool) -> None:
    """And is heard by one who answers with or without a picture."""
    alice, bob = tab("alice", query=THREE), tab("bob")
    call = alice.dial("/private/bob?channel=video", audio=True, video=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": picture})
    alice.reaches(call, "started")
    alice.hears(call)
    bob.hears(ringing)
    bob.sees(ringing)
    if picture:
        alice.sees(call)


def test_two_of_them_talk(tab: Tab) -> None:
    alice, bob = tab("alice", query=THREE), tab("bob", query=THREE)
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": False})
    alice.reaches(call, "started")
    bob.reaches(ringing, "call.joined")
    alice.hears(call)
    bob.hears(ringing)

    may = alice.run("facts", call)
    wanted = {"mute": True, "flags": True, "digit": True, "lock": False, "layout": False, "end": True}
    assert may == {**wanted, "others": False}
    found = alice.run("act", call, "getMembers")["value"]["members"]
    assert {each["name"] for each in found} == {"alice", "bob"}

    assert "error" not in alice.run("act", call, "audioMute")
    bob.until(lambda: muted(bob, ringing, "alice"), "her mute")
    bob.is_silent(ringing)
    assert "error" not in alice.run("act", call, "audioUnmute")
    bob.until(lambda: not muted(bob, ringing, "alice"), "the end of it")
    bob.hears(ringing)
    assert "error" not in alice.run("act", call, "sendDigits", ["1"])
    assert "error" not in alice.run("act", call, "hold")
    assert "error" not in alice.run("act", call, "unhold")
    bob.hears(ringing)
    assert "Missing lock capability" in alice.run("act", call, "lock")["error"]

    assert bob.run("act", ringing, "hangup") == {"value": None}
    alice.reaches(call, "destroy")
    assert alice.run("errors") == bob.run("errors") == []


def test_it_declines_and_tells_who_it_is(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob", query=THREE)
    about = bob.run("about")
    assert "bob" in about["addresses"]
    call = alice.dial("/private/bob", audio=True)
    bob.run("reject", bob.rings())
    alice.reaches(call, "destroyed")


def muted(page: Page, call: str, name: str) -> bool:
    return any(each["muted"] for each in page.run("members", call) if each["name"] == name)
