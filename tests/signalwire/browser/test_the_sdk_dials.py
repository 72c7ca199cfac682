"""Outbound calls of the unmodified SDK: statuses, sound and picture, and refusals told at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.signalwire.browser.stage import WHOLE, Page

Tab = Callable[..., Page]


@pytest.mark.parametrize("permitted", [True, False], ids=["TURN", "STUN"])
def test_a_call_to_echo_has_sound_and_every_documented_status(tab: Tab, permitted: bool) -> None:
    alice = tab("alice", permitted=permitted)
    call = alice.dial("/public/echo", audio=True)
    alice.reaches(call, "connected")
    assert alice.hears(call) > 0.01
    assert alice.run("self", call)["muted"] is False
    # One machine: with permission Chromium has no candidate for the SDK but the relay's.
    lines = alice.run("localSdp", call).splitlines()
    kinds = {line.split(" typ ")[1].split()[0] for line in lines if " typ " in line}
    assert "relay" in kinds and ("srflx" in kinds) is not permitted
    alice.run("hangup", call)
    assert alice.reaches(call, "destroyed") == WHOLE


def test_a_busy_destination_ends_the_call_without_an_error(tab: Tab) -> None:
    alice = tab("alice")
    call = alice.dial("/public/busy", audio=True)
    assert alice.reaches(call, "destroyed") == ["new", "trying", "disconnected", "destroyed"]


@pytest.mark.parametrize("destination", ["/elsewhere/room", "/public/nobody-at-all"])
def test_a_refused_destination_is_a_call_create_error_at_once(tab: Tab, destination: str) -> None:
    alice = tab("alice")
    refused = alice.run("dial", destination, {"audio": True})
    assert (refused["error"], refused["message"]) == ("CallCreateError", "Call creation failed")
    assert refused["seconds"] < 3


def test_the_page_s_own_options_win_over_the_channel_and_its_variables_arrive(tab: Tab) -> None:
    """A directory address has `?channel=audio` as its default channel."""
    alice, bob = tab("alice"), tab("bob")
    wish = {"audio": True, "video": True, "receiveVideo": True}
    call = alice.dial("/private/bob?channel=audio&color=red", **wish, userVariables={"order": 7})
    ringing = bob.rings()
    facts = bob.facts(ringing)
    assert facts["fromName"] == "alice"
    assert (facts["userVariables"]["order"], facts["userVariables"]["color"]) == (7, "red")
    bob.run("answer", ringing, {"audio": True, "video": True})
    alice.reaches(call, "connected")
    alice.sees(call)
    bob.sees(ringing)
    alice.run("hangup", call)
    alice.reaches(call, "destroyed")


def test_the_codec_that_the_page_prefers_is_used(tab: Tab) -> None:
    alice = tab("alice")
    call = alice.dial("/public/tone", audio=True, preferredAudioCodecs=["PCMU"])
    alice.reaches(call, "connected")
    alice.hears(call)
    assert alice.until(lambda: alice.run("codec", call), "a codec") == "audio/PCMU"
    alice.run("hangup", call)
    alice.reaches(call, "destroyed")
