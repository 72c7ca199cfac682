"""Who leaves the page of a call in Firefox is hung up: soon where Firefox says so, else as a lost device."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.webrtc.firefox import Firefox
from tests.webrtc.make_run import MakeRun

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.needs("firefox-esr", "pulseaudio", "make")]
pytestmark.append(pytest.mark.timeout(300))

WHOLE = [pytest.mark.soak_only, pytest.mark.family]

Open = Callable[..., Firefox]
GONE_SECONDS = 3.0  # the browser has closed the socket (1001)
LOST_SECONDS = 17.0  # nobody has said anything
SLEEP_SECONDS = 45.0  # the socket stays open: the silence must be noticed first


def in_call(phone: Firefox, instance: MakeRun, how_many: int = 1) -> list[str]:
    """The ids of calls that live, all of them this phone's."""
    for number in range(how_many):
        phone.dial("/public/echo")
        phone.until(f"phone.activeCalls.filter((one) => one.answeredAt).length === {number + 1}")
    phone.until("phone.activeCalls[0].peerConnection?.connectionState === 'connected'")
    return [str(one) for one in phone.evaluate("return phone.activeCalls.map((one) => one.id);")]


def ended(instance: MakeRun, calls: list[str], since: float, within: float) -> set[tuple[str, str]]:
    """Reason and cause of each, once all have ended."""
    while True:
        found = [instance.api("GET", f"/api/calls/{call}") for call in calls]
        took = time.monotonic() - since
        if all(one["state"] == "ended" for one in found):
            break
        assert took < within, f"after {took:.1f} s: {[one['state'] for one in found]}"
        time.sleep(0.05)
    print(f"\nhung up {took:.2f} s after the page was left", end=" ")
    assert took < within
    return {(one["end_reason"], one["end_cause"]) for one in found}


@pytest.mark.parametrize(
    ("leave", "how_many"),
    [
        ("closes", 1),
        *(
            pytest.param(leave, how_many, marks=WHOLE)
            for leave, how_many in (
                ("navigates", 1),
                ("reloads", 1),
                ("navigates", 2),
                ("reloads", 2),
                ("closes", 2),
            )
        ),
    ],
)
def test_a_page_that_is_left_hangs_up_within_three_seconds(
    firefox: Open, instance: MakeRun, leave: str, how_many: int
) -> None:
    alice = firefox("alice", 500)
    calls = in_call(alice, instance, how_many)
    left = time.monotonic()
    match leave:
        case "navigates":
            alice.goto("about:blank")
        case "reloads":
            alice.page.command("WebDriver:Refresh")
        case "closes":
            alice.page.command("WebDriver:NewWindow", {"type": "tab"})  # the last tab cannot be closed
            left = time.monotonic()
            alice.page.command("WebDriver:CloseWindow")
    assert ended(instance, calls, left, GONE_SECONDS) <= {("hangup", "normal"), ("hangup", "device_lost")}


@pytest.mark.soak_only
@pytest.mark.family
def test_a_browser_that_is_killed_is_a_lost_device(firefox: Open, instance: MakeRun) -> None:
    alice = firefox("alice", 500)
    calls = in_call(alice, instance)
    left = time.monotonic()
    alice.signal(signal.SIGKILL)
    assert ended(instance, calls, left, LOST_SECONDS) == {("hangup", "device_lost")}


@pytest.mark.soak_only
@pytest.mark.family
def test_a_browser_that_wakes_up_in_time_goes_on(firefox: Open, instance: MakeRun) -> None:
    alice = firefox("alice", 500)
    call = in_call(alice, instance)[0]
    alice.signal(signal.SIGSTOP)
    time.sleep(6)
    alice.signal(signal.SIGCONT)
    alice.hears(alice.hertz)
    alice.until("phone.ready")
    assert alice.evaluate("return phone.activeCalls.map((one) => one.id);") == [call]


@pytest.mark.soak_only
@pytest.mark.family
def test_a_browser_that_sleeps_on_is_hung_up(firefox: Open, instance: MakeRun) -> None:
    alice = firefox("alice", 500)
    calls = in_call(alice, instance)
    left = time.monotonic()
    alice.signal(signal.SIGSTOP)
    reasons = ended(instance, calls, left, SLEEP_SECONDS)
    assert reasons <= {("hangup", "device_lost"), ("failed", "media_failed")}
    alice.signal(signal.SIGCONT)
    alice.is_over(30)
    alice.until("phone.ready", seconds=30)
