"""Who else is there, as the SDK shows it: participants of calls and rooms, and several calls at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.instance import Instance
from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]


@pytest.fixture(scope="module")
def room(instance: Instance) -> str:
    instance.api("POST", "/api/fabric/resources/conference_rooms", {"name": "daily"})
    return "/public/daily"


def names(page: Page, call: str) -> list[str]:
    return sorted(each["name"] for each in page.run("participants", call))


def of(page: Page, call: str, name: str) -> Any:
    return next((each for each in page.run("participants", call) if each["name"] == name), None)


def test_both_parties_of_a_call_are_participants(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob")
    rung = bob.rings()
    bob.run("answer", rung, {"audio": True})
    for page, name in ((alice, call), (bob, rung)):
        page.until(lambda page=page, name=name: names(page, name) == ["alice", "bob"], "both participants")
    bob.run("mute", rung)
    alice.until(lambda: of(alice, call, "bob")["muted"], "bob's mute at alice's")


def test_a_room_s_members_come_talk_mute_and_leave(tab: Tab, room: str) -> None:
    alice, bob = tab("alice"), tab("bob")
    first = alice.dial(f"{room}?channel=video", audio=True, video=True)
    alice.until(lambda: names(alice, first) == ["alice"], "alice alone")
    second = bob.dial(f"{room}?channel=video", audio=True, video=True)
    bob.reaches(second, "connected")
    bob.until(lambda: names(bob, second) == ["alice", "bob"], "everybody at bob's")
    alice.until(lambda: names(alice, first) == ["alice", "bob"], "bob at alice's")
    assert alice.hears(first) > 0.01 and bob.hears(second) > 0.01
    bob.sees(second)
    alice.until(lambda: of(alice, first, "bob")["talking"], "that bob talks (his fake microphone beeps)")
    bob.run("mute", second)
    alice.until(lambda: of(alice, first, "bob")["muted"], "bob's mute")
    bob.run("hangup", second)
    alice.until(lambda: names(alice, first) == ["alice"], "bob's leaving")
    alice.run("hangup", first)
    alice.reaches(first, "destroyed")


def test_one_client_has_several_calls_at_once(tab: Tab) -> None:
    alice, bob = tab("alice", permitted=False), tab("bob", permitted=False)
    tone, echo = alice.dial("/public/tone"), alice.dial("/public/echo")
    third = bob.dial("/private/alice")
    rung = alice.rings()
    alice.run("answer", rung, {"audio": True})
    for call in (tone, echo, rung):
        alice.reaches(call, "connected")
        assert alice.hears(call) > 0.01
    assert bob.hears(third) > 0.01
    alice.run("hangup", echo)
    alice.reaches(echo, "destroyed")
    assert alice.hears(tone) > 0.01
    bob.run("hangup", third)
    alice.reaches(rung, "destroyed")
    assert alice.statuses(tone)[-1] == "connected"
