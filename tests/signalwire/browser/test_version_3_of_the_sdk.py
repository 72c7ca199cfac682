"""`@signalwire/js` 3.30.0, the npm package as it is, in Chromium with granted microphone and camera."""

from __future__ import annotations

from collections.abc import Callable

from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]
THREE = "version3.html"


def test_it_dials_and_hangs_up(tab: Tab) -> None:
    alice = tab("alice", query=THREE)
    call = alice.dial("/public/tone", audio=True)
    alice.reaches(call, "started")
    alice.hears(call)
    assert alice.run("act", call, "hangup") == {"value": None}
    alice.reaches(call, "destroy")
    assert alice.run("errors") == []


def test_it_is_called_and_answers(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob", query=THREE)
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": False})
    alice.reaches(call, "connected")
    bob.reaches(ringing, "call.joined")
    alice.hears(call)
    bob.hears(ringing)


def test_it_answers_with_its_own_defaults(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob", query=THREE)
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {})  # with the camera, though nobody asked for a picture
    alice.reaches(call, "connected")
    bob.reaches(ringing, "call.joined")


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
