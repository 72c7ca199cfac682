"""Inbound calls of the unmodified SDK: answered, declined, given up, hung up by the far end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.signalwire.browser.stage import WITH_TURN_OR_STUN, Page

Tab = Callable[..., Page]


@pytest.mark.parametrize("permitted", WITH_TURN_OR_STUN)
def test_a_browser_calls_a_browser_and_both_hear(tab: Tab, permitted: bool) -> None:
    alice, bob = tab("alice", permitted=permitted), tab("bob", permitted=permitted)
    call = alice.dial("/private/bob", audio=True)
    rung = bob.rings()
    bob.run("answer", rung, {"audio": True})
    bob.reaches(rung, "connected")
    alice.reaches(call, "connected")
    assert bob.statuses(rung)[0] == "ringing"
    assert alice.hears(call) > 0.01
    assert bob.hears(rung) > 0.01
    bob.run("hangup", rung)
    assert alice.reaches(call, "destroyed")[-2:] == ["disconnected", "destroyed"]
    assert bob.reaches(rung, "destroyed")[-3:] == ["disconnecting", "disconnected", "destroyed"]


def test_a_declined_call_ends_on_both_sides(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    rung = bob.rings()
    bob.run("reject", rung)
    assert bob.reaches(rung, "destroyed") == ["ringing", "disconnected", "destroyed"]
    assert alice.reaches(call, "destroyed") == ["new", "trying", "disconnected", "destroyed"]


def test_a_caller_who_gives_up_stops_the_ringing(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    rung = bob.rings()
    alice.run("hangup", call)
    assert bob.reaches(rung, "destroyed") == ["ringing", "disconnected", "destroyed"]


def test_of_two_tabs_one_answers_and_the_other_stops_ringing(tab: Tab) -> None:
    alice, first, second = tab("alice"), tab("bob"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    rung, lost = first.rings(), second.rings()
    first.run("answer", rung, {"audio": True})
    assert second.reaches(lost, "destroyed") == ["ringing", "disconnected", "destroyed"]
    alice.reaches(call, "connected")
    first.reaches(rung, "connected")
    alice.run("hangup", call)
    first.reaches(rung, "destroyed")
