"""A shared screen has a life of its own: it is seen while it lasts, and its end ends nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.instance import Instance
from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]
BOTH_WAYS = {"audio": True, "video": True, "receiveVideo": True}


def test_a_screen_is_shared_and_stopped_in_a_call_between_two(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob?channel=video", **BOTH_WAYS)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": True})
    alice.reaches(call, "connected")
    bob.reaches(ringing, "connected")
    bob.sees(ringing)
    alice.until(lambda: alice.run("self", call), "her own participant")

    assert alice.run("rule", call, "self", "startScreenShare") is None
    bob.sees_red(ringing)
    bob.until(lambda: "alice (screen)" in bob.participants(ringing), "the screen among the participants")
    assert alice.run("rule", call, "self", "stopScreenShare") is None
    bob.sees_no_red(ringing)
    bob.until(lambda: set(bob.participants(ringing)) == {"alice", "bob"}, "two participants")
    assert "disconnected" not in alice.statuses(call)
    alice.hears(call)
    bob.hears(ringing)

    assert alice.run("rule", call, "self", "startScreenShare") is None
    bob.sees_red(ringing)
    bob.run("hangup", ringing)  # and the screen ends with its call
    alice.reaches(call, "destroyed")


@pytest.mark.soak_only
def test_a_screen_is_shared_and_stopped_in_a_room_that_is_locked(instance: Instance, tab: Tab) -> None:
    body = {"name": "shared", "moderator": "subscribers"}
    instance.api("POST", "/api/fabric/resources/conference_rooms", body)
    alice, bob = tab("alice"), tab("bob")
    first = alice.dial("/public/shared?channel=video", **BOTH_WAYS)
    second = bob.dial("/public/shared?channel=video", **BOTH_WAYS)
    alice.until(lambda: len(alice.participants(first)) == 2, "both")
    alice.sees(first)
    assert alice.run("rule", first, "", "toggleLock") is None
    assert alice.run("rule", first, "self", "startScreenShare") is None
    bob.sees_red(second)
    assert "alice (screen)" in bob.participants(second)
    assert "alice (screen)" in alice.participants(first)
    alice.sees_no_red(first)  # she goes on seeing bob, not herself
    assert alice.run("rule", first, "self", "stopScreenShare") is None
    bob.sees_no_red(second)
    bob.until(lambda: set(bob.participants(second)) == {"alice", "bob"}, "two participants")
    assert "disconnected" not in alice.statuses(first)
    assert alice.run("rule", first, "self", "startScreenShare") is None
    bob.sees_red(second)
    assert bob.run("rule", second, "alice", "toggleMute") is None
    alice.run("hangup", first)
    alice.reaches(first, "destroyed")
    bob.until(lambda: set(bob.participants(second)) == {"bob"}, "the screen gone with her")
    bob.run("hangup", second)


def test_a_screen_that_nobody_could_see_is_refused_and_the_call_goes_on(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": False})
    alice.reaches(call, "connected")
    alice.until(lambda: alice.run("self", call), "her own participant")
    alice.page.evaluate("name => { window.rule(name, 'self', 'startScreenShare'); }", call)
    alice.until(lambda: any("does not receive video" in each for each in alice.run("errors")), "the refusal")
    assert "failed" not in alice.statuses(call)
    bob.hears(ringing)
    alice.run("hangup", call)
    alice.reaches(call, "destroyed")
