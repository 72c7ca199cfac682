"""Firefox beside Chromium: a shared screen is one more picture, and three talk after a merge."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.webrtc.chromium import Chromium
from tests.webrtc.firefox import Firefox

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(300)]
pytestmark += [pytest.mark.soak_only, pytest.mark.family]
pytestmark.append(pytest.mark.needs("firefox-esr", "pulseaudio", "make", "chromium"))

SHOWN = "[...document.querySelectorAll('.stage video:not(.own)')].filter((one) => !one.hidden).length"


@pytest.mark.parametrize("video", [True, False], ids=["cameras", "sound"])
def test_firefox_sees_the_screen_and_keeps_the_call(
    firefox: Callable[..., Firefox], chromium: Callable[..., Chromium], video: bool
) -> None:
    fox, chrome = firefox("alice", 500), chromium("bob", 750)
    chrome.dial("/private/alice", video=video)
    fox.answer(video=video)
    for phone, other in ((fox, chrome), (chrome, fox)):
        phone.connected()
        phone.hears(other.hertz)
    chrome.click("Share screen")
    fox.sees(2 if video else 1)
    chrome.click("Stop sharing")
    fox.until(f"{SHOWN} === {int(video)}")
    for phone, other in ((fox, chrome), (chrome, fox)):
        phone.hears(other.hertz)
    fox.click("Hang up")
    for phone in (fox, chrome):
        phone.is_over()
        assert phone.faults() == []


def test_three_browsers_talk_after_two_calls_are_merged(
    firefox: Callable[..., Firefox], chromium: Callable[..., Chromium]
) -> None:
    chrome, bob, carol = chromium("alice", 500), firefox("bob", 750), firefox("carol", 1100)
    for phone in (bob, carol):
        chrome.dial(f"/private/{'bob' if phone is bob else 'carol'}")
        phone.answer()
        phone.connected()
        phone.hears(chrome.hertz)
    chrome.until("!document.querySelector('#merge').hidden")
    chrome.evaluate("document.querySelector('#merge').click();")
    phones = (chrome, bob, carol)
    for phone in phones:
        phone.until("phone.activeCalls.length === 1 && phone.activeCalls[0].members.length === 3")
        phone.hears(*(other.hertz for other in phones if other is not phone))
    chrome.click("Hang up")
    bob.hears(carol.hertz)
    carol.hears(bob.hertz)
    carol.click("Hang up")
    for phone in phones:
        phone.is_over()
        assert phone.faults() == []
