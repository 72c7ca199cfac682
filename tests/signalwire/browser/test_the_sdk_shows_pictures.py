"""Pictures between browsers with the unmodified SDK, and from the platform: decoded, with content, moving."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.signalwire.browser.stage import WHOLE, WITH_TURN_OR_STUN, Page

Tab = Callable[..., Page]
BOTH = {"audio": True, "video": True}
RUNG = ["ringing", "connecting", "connected", "disconnected", "destroyed"]


@pytest.mark.parametrize("permitted", WITH_TURN_OR_STUN)
def test_two_browsers_see_and_hear_each_other(tab: Tab, permitted: bool) -> None:
    alice, bob = tab("alice", permitted=permitted), tab("bob", permitted=permitted)
    call = alice.dial("/private/bob?channel=video", **BOTH)
    rung = bob.rings()
    bob.run("answer", rung, BOTH)
    alice.reaches(call, "connected")
    bob.reaches(rung, "connected")
    alice.sees(call)
    bob.sees(rung)
    assert alice.hears(call) > 0.01
    assert bob.hears(rung) > 0.01
    alice.run("hangup", call)
    assert alice.reaches(call, "destroyed") == WHOLE
    assert bob.reaches(rung, "destroyed") == RUNG


@pytest.mark.soak_only
def test_a_caller_who_only_sends_pictures_is_seen(tab: Tab) -> None:
    """`dial(x, {audio, video})` of the guide: without a channel the SDK receives no picture."""
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", **BOTH)
    rung = bob.rings()
    bob.run("answer", rung, BOTH)
    alice.reaches(call, "connected")
    bob.sees(rung)
    assert alice.hears(call) > 0.01
    assert alice.run("picture", call, 200)["frames"] == 0


def test_an_answer_with_sound_alone_to_a_call_with_pictures_is_heard(tab: Tab) -> None:
    alice, bob = tab("alice", permitted=False), tab("bob", permitted=False)
    call = alice.dial("/private/bob?channel=video", **BOTH)
    rung = bob.rings()
    bob.run("answer", rung, {"audio": True, "video": False})
    alice.reaches(call, "connected")
    bob.sees(rung)
    assert alice.hears(call) > 0.01
    assert alice.run("picture", call, 200)["frames"] == 0


@pytest.mark.soak_only
@pytest.mark.parametrize("permitted", WITH_TURN_OR_STUN)
def test_the_test_picture_is_shown(tab: Tab, permitted: bool) -> None:
    alice = tab("alice", permitted=permitted)
    call = alice.dial("/public/tone?channel=video", **BOTH)
    alice.reaches(call, "connected")
    assert alice.hears(call) > 0.01
    alice.sees(call)
    alice.run("hangup", call)
    assert alice.reaches(call, "destroyed") == WHOLE


@pytest.mark.soak_only
def test_one_sees_oneself_in_the_echo(tab: Tab) -> None:
    alice = tab("alice")
    call = alice.dial("/public/echo?channel=video", **BOTH)
    alice.reaches(call, "connected")
    alice.sees(call)
    assert alice.hears(call) > 0.01
