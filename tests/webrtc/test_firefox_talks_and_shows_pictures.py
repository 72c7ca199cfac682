"""Firefox on `/phone` of an instance that nothing but `make run` started, at an address of its own."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.webrtc.chromium import Chromium
from tests.webrtc.firefox import Firefox
from tests.webrtc.make_run import MakeRun

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.needs("firefox-esr", "pulseaudio", "make")]
pytestmark.append(pytest.mark.timeout(300))

WHOLE = [pytest.mark.soak_only, pytest.mark.family]  # browsers are slow: `make test` takes one round

Open = Callable[..., Firefox]
OpenChromium = Callable[..., Chromium]


@pytest.mark.parametrize(
    "video", [*(pytest.param(each, marks=WHOLE) for each in ("none", "caller", "callee")), "both"]
)
def test_two_firefoxes_hear_and_see_each_other(firefox: Open, video: str) -> None:
    alice, bob = firefox("alice", 500), firefox("bob", 750)
    alice.dial("/private/bob", video=video in ("caller", "both"))
    bob.answer(video=video in ("callee", "both"))
    for phone, other in ((alice, bob), (bob, alice)):
        phone.connected()
        phone.hears(other.hertz)
    if video == "both":
        alice.sees()
    if video in ("caller", "both"):
        bob.sees()
    alice.click("Hang up")
    for phone in (alice, bob):
        phone.is_over()
        assert phone.faults() == []


@pytest.mark.soak_only
@pytest.mark.family
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("caller", ["firefox", "chromium"])
def test_firefox_and_chromium_hear_and_see_each_other(
    firefox: Open, chromium: OpenChromium, caller: str
) -> None:
    fox, chrome = firefox("alice", 500), chromium("bob", 750)
    if caller == "firefox":
        fox.dial("/private/bob", video=True)
        chrome.answer(video=True)
    else:
        chrome.dial("/private/alice", video=True)
        fox.answer(video=True)
    for phone, other in ((fox, chrome), (chrome, fox)):
        phone.connected()
        phone.hears(other.hertz)
        phone.sees()
    chrome.click("Hang up")
    for phone in (fox, chrome):
        phone.is_over()
        assert phone.faults() == []


@pytest.mark.soak_only
@pytest.mark.family
def test_three_firefoxes_meet_in_a_room(firefox: Open, instance: MakeRun) -> None:
    room = f"standup-{uuid4().hex[:6]}"
    instance.api("POST", "/api/fabric/resources/conference_rooms", {"name": room})
    phones = [firefox(name, hertz) for name, hertz in (("alice", 500), ("bob", 750), ("carol", 1100))]
    for phone in phones:
        phone.dial(f"/public/{room}", video=True)
        phone.connected()
    for phone in phones:
        phone.sees(2)
        phone.hears(*(other.hertz for other in phones if other is not phone))
    for phone in phones:
        phone.click("Hang up")
        phone.is_over()
        assert phone.faults() == []


@pytest.mark.soak_only
@pytest.mark.family
def test_firefox_holds_mutes_sends_digits_and_is_transferred(firefox: Open) -> None:
    alice, bob, carol = firefox("alice", 1500), firefox("bob", 750), firefox("carol", 1100)
    alice.dial("/private/bob")
    bob.answer()
    bob.evaluate("window.digits = ''; phone.activeCalls[0].on('dtmf', (digit) => (window.digits += digit));")
    alice.connected()
    alice.hears(bob.hertz)
    bob.hears(alice.hertz)
    alice.click("Hold")
    bob.until("phone.activeCalls[0].heldBy === 'remote'")
    bob.hears_no(alice.hertz)
    alice.click("Resume")
    bob.until("phone.activeCalls[0].state === 'active'")
    bob.hears(alice.hertz)
    alice.evaluate(
        "phone.activeCalls[0].peerConnection.getSenders().find((one) => one.track.kind === 'audio')"
        ".dtmf.insertDTMF('7#', 100, 70);"
    )
    bob.until("window.digits === '7#'")
    alice.evaluate("phone.activeCalls[0].transfer('/private/carol');")
    carol.answer()
    alice.is_over()
    for phone, other in ((bob, carol), (carol, bob)):
        phone.connected()
        phone.hears(other.hertz)
    bob.until("document.querySelector('#calls').innerText.includes('Carol')")
    bob.click("Hang up")
    for phone in (alice, bob, carol):
        phone.is_over()
        assert phone.faults() == []
