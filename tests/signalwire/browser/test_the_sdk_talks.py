"""What the unmodified SDK does within a call: mute, hold, digits, a lost socket, transfer, a late answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]
LONG_RINGING_MS = 17_000  # longer than ICE may take once a call is picked up


def talking(tab: Tab, ringing_ms: int = 0) -> tuple[Page, Page, str, str]:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    rung = bob.rings()
    bob.page.wait_for_timeout(ringing_ms)
    bob.run("answer", rung, {"audio": True})
    bob.reaches(rung, "connected")
    alice.reaches(call, "connected")
    assert bob.hears(rung) > 0.01
    return alice, bob, call, rung


def test_a_muted_browser_is_not_heard_and_knows_it(tab: Tab) -> None:
    alice, bob, call, rung = talking(tab)
    alice.run("mute", call)
    bob.is_silent(rung)
    assert alice.until(lambda: alice.run("self", call)["muted"], "its own mute")
    alice.run("unmute", call)
    assert bob.hears(rung) > 0.01


def test_a_held_party_hears_music_and_the_holder_nothing(tab: Tab) -> None:
    alice, bob, call, rung = talking(tab)
    alice.run("hold", call)
    alice.is_silent(call)
    assert bob.hears(rung) > 0.01
    alice.run("hold", call)
    assert alice.hears(call) > 0.01


def test_digits_leave_the_call_alone(tab: Tab) -> None:
    alice, _, call, _ = talking(tab)
    alice.run("digits", call, "12#")
    assert alice.statuses(call)[-1] == "connected"


def test_a_lost_socket_is_replaced_and_still_hears_of_the_end(tab: Tab) -> None:
    alice, bob, call, rung = talking(tab)
    before = alice.run("socketCount")
    alice.run("drop")
    alice.until(lambda: alice.run("socketCount") > before, "a second socket")
    assert alice.hears(call) > 0.01
    bob.run("hangup", rung)
    assert alice.reaches(call, "destroyed")[-2:] == ["disconnected", "destroyed"]


def test_a_transfer_closes_the_page_s_call_and_gives_the_other_party_away(tab: Tab) -> None:
    alice, bob, call, rung = talking(tab)
    alice.run("transfer", call, "/public/tone")
    assert alice.reaches(call, "destroyed")[-2:] == ["disconnected", "destroyed"]
    assert bob.hears(rung) > 0.01
    assert bob.statuses(rung)[-1] == "connected"


@pytest.mark.family
def test_a_call_may_ring_for_longer_than_ice_may_take(tab: Tab, figure: Callable[[int, int], int]) -> None:
    alice, _, call, _ = talking(tab, figure(3_000, LONG_RINGING_MS))
    assert alice.hears(call) > 0.01
