"""Participants of a room muted, deafened and removed with the SDK where the room lets its members rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.instance import Instance
from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]


def member(instance: Instance, room: str, name: str) -> Any:
    found = instance.api("GET", f"/api/rooms/{room}")["members"]
    return next((each for each in found if each["address"] == f"/private/{name}"), None)


def test_a_member_rules_others_where_the_room_allows_it(instance: Instance, tab: Tab) -> None:
    for name, moderator in (("ruled", "subscribers"), ("unruled", "project")):
        body = {"name": name, "moderator": moderator}
        instance.api("POST", "/api/fabric/resources/conference_rooms", body)
    alice, bob = tab("alice"), tab("bob")
    first, second = alice.dial("/public/unruled"), bob.dial("/public/unruled")
    alice.until(lambda: len(alice.run("participants", first)) == 2, "both")
    assert alice.run("rule", first, "bob", "mute")
    assert not member(instance, "unruled", "bob")["muted"]
    for page, call in ((alice, first), (bob, second)):
        page.run("hangup", call)
        page.reaches(call, "destroyed")

    first, second = alice.dial("/public/ruled"), bob.dial("/public/ruled")
    alice.until(lambda: len(alice.run("participants", first)) == 2, "both again")
    assert alice.run("rule", first, "bob", "mute") is None
    assert member(instance, "ruled", "bob")["muted"]
    assert alice.run("rule", first, "bob", "toggleDeaf") is None
    assert member(instance, "ruled", "bob")["deaf"]
    assert alice.run("rule", first, "bob", "remove") is None
    bob.reaches(second, "destroyed")
    assert member(instance, "ruled", "bob") is None
    alice.run("hangup", first)


@pytest.mark.soak_only
def test_pictures_sounds_volumes_and_hands_are_what_they_are_set_to(instance: Instance, tab: Tab) -> None:
    instance.api(
        "POST", "/api/fabric/resources/conference_rooms", {"name": "set", "moderator": "subscribers"}
    )
    alice, bob = tab("alice"), tab("bob")
    wish = {"audio": True, "video": True, "receiveVideo": True}
    first = alice.dial("/public/set?channel=video", **wish)
    second = bob.dial("/public/set?channel=video", **wish)
    alice.until(lambda: len(alice.participants(first)) == 2, "both")
    alice.sees(first)
    alice.hears(first)
    assert {"lock", "member.mute", "self.microphone"} <= set(alice.facts(first)["capabilities"])

    assert alice.run("rule", first, "bob", "muteVideo") is None
    alice.until(lambda: alice.participants(first)["bob"]["videoMuted"], "no picture of bob")
    alice.until(lambda: alice.run("picture", first, 400)["frames"] == 0, "a still picture")
    assert not alice.participants(first)["bob"]["muted"]
    alice.hears(first)
    assert alice.run("rule", first, "bob", "unmuteVideo") is None
    alice.sees(first)
    assert alice.run("rule", first, "bob", "mute") is None
    alice.until(lambda: alice.participants(first)["bob"]["muted"], "bob muted")
    assert not alice.participants(first)["bob"]["videoMuted"]
    alice.is_silent(first)
    assert alice.run("rule", first, "bob", "unmute") is None
    alice.hears(first)

    for verb, field in (("setAudioInputVolume", "input"), ("setAudioOutputVolume", "output")):
        heard_by, call = (alice, first) if field == "input" else (bob, second)
        assert alice.run("rule", first, "bob", verb, 0) is None
        heard_by.is_silent(call)
        bob.until(lambda: bob.participants(second)["bob"][field] == 0, f"{field} 0 told")  # noqa: B023
        assert bob.run("rule", second, "self", verb, 80) is None
        heard_by.hears(call)
        bob.until(lambda: bob.participants(second)["bob"][field] == 80, f"{field} 80 told")  # noqa: B023
    assert alice.run("rule", first, "bob", "setAudioInputVolume", 101)

    assert bob.run("rule", second, "self", "toggleHandraise") is None
    alice.until(lambda: alice.participants(first)["bob"]["raised"], "bob's hand")
    assert alice.run("rule", first, "bob", "toggleHandraise") is None
    bob.until(lambda: not bob.participants(second)["bob"]["raised"], "the hand taken down")
    assert bob.run("rule", second, "self", "setAudioInputSensitivity", 70) is None
    alice.until(lambda: alice.participants(first)["bob"]["sensitivity"] == 70, "the sensitivity")
    assert bob.run("rule", second, "self", "toggleNoiseSuppression") is None
    alice.until(lambda: not alice.participants(first)["bob"]["noise"], "the flag")
    alice.hears(first)  # his microphone was opened anew without it
    for page, call in ((alice, first), (bob, second)):
        page.run("hangup", call)
        page.reaches(call, "destroyed")


def test_a_lock_shuts_others_out_and_is_opened_again(instance: Instance, tab: Tab) -> None:
    instance.api(
        "POST", "/api/fabric/resources/conference_rooms", {"name": "shut", "moderator": "subscribers"}
    )
    alice, bob, carol = tab("alice"), tab("bob"), tab("carol")
    first, second = alice.dial("/public/shut"), bob.dial("/public/shut")
    alice.until(lambda: len(alice.participants(first)) == 2, "both")
    assert alice.run("rule", first, "", "toggleLock") is None
    for page, call in ((alice, first), (bob, second)):
        page.until(lambda: page.facts(call)["locked"], "the lock told")  # noqa: B023
    shut_out = carol.dial("/public/shut")
    carol.reaches(shut_out, "destroyed")
    assert "connected" not in carol.statuses(shut_out)
    assert alice.run("rule", first, "", "toggleLock") is None
    bob.until(lambda: not bob.facts(second)["locked"], "the opening told")
    let_in = carol.dial("/public/shut")
    carol.reaches(let_in, "connected")
    instance.api("POST", "/api/rooms/shut/lock")
    carol.until(lambda: carol.facts(let_in)["locked"], "a lock by the back end told")
    for page, call in ((alice, first), (bob, second), (carol, let_in)):
        page.run("hangup", call)


def test_between_two_what_cannot_be_done_is_refused_and_the_rest_has_its_effect(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True})
    alice.reaches(call, "connected")
    alice.until(lambda: len(alice.participants(call)) == 2, "both")
    alice.hears(call)
    assert alice.run("rule", call, "self", "toggleDeaf") is None
    alice.is_silent(call)
    for page, mine in ((bob, ringing), (alice, call)):  # the SDK toggles what its own page knows
        page.until(lambda: page.participants(mine)["alice"]["deaf"], "her deafness told")  # noqa: B023
    assert alice.run("rule", call, "self", "toggleDeaf") is None
    alice.hears(call)
    assert alice.run("rule", call, "self", "toggleHandraise") is None
    bob.until(lambda: bob.participants(ringing)["alice"]["raised"], "her hand told")
    for who, verb, *given in (
        ("", "toggleLock"),
        ("self", "setAudioInputVolume", 0),
        ("self", "setAudioOutputVolume", 0),
        ("self", "setAudioInputSensitivity", 1),
        ("self", "setPosition", "auto"),
        ("bob", "mute"),
        ("bob", "toggleDeaf"),
        ("", "executeMethod", alice.participants(call)["bob"]["id"], "call.nonsense", {}),
    ):
        assert alice.run("rule", call, who, verb, *given), verb
    assert "lock" not in alice.facts(call)["capabilities"]
    alice.hears(call)
    alice.run("hangup", call)
    alice.reaches(call, "destroyed")
