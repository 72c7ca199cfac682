"""Media of the unmodified SDK renewed within a call: its own ICE restart, answered by `updateMedia`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]


@pytest.mark.parametrize(
    "media",
    [
        pytest.param({"audio": True}, id="sound", marks=pytest.mark.soak_only),
        pytest.param({"audio": True, "video": True}, id="picture"),
    ],
)
def test_an_ice_restart_of_the_caller_is_answered_and_sound_goes_on(tab: Tab, media: dict[str, bool]) -> None:
    alice = tab("alice", permitted=False, query="?nopool")
    call = alice.dial("/public/tone?channel=video" if "video" in media else "/public/tone", **media)
    alice.reaches(call, "connected")
    assert alice.hears(call) > 0.01
    before = alice.run("ufrag", call)
    alice.run("restartIce", call)
    alice.until(lambda: alice.run("ufrag", call) != before, "fresh ICE credentials")
    alice.page.wait_for_timeout(1500)
    assert alice.hears(call) > 0.01
    if "video" in media:
        alice.sees(call)
    assert alice.statuses(call)[-1] == "connected"
    assert alice.run("errors") == []


def test_an_ice_restart_of_the_called_is_answered_and_sound_goes_on(tab: Tab) -> None:
    alice, bob = tab("alice", permitted=False), tab("bob", permitted=False, query="?nopool")
    call = alice.dial("/private/bob")
    rung = bob.rings()
    bob.run("answer", rung, {"audio": True})
    bob.reaches(rung, "connected")
    assert bob.hears(rung) > 0.01
    before = bob.run("ufrag", rung)
    bob.run("restartIce", rung)
    bob.until(lambda: bob.run("ufrag", rung) != before, "fresh ICE credentials")
    bob.page.wait_for_timeout(1500)
    assert bob.hears(rung) > 0.01
    assert alice.hears(call) > 0.01
    assert (alice.statuses(call)[-1], bob.statuses(rung)[-1]) == ("connected", "connected")
