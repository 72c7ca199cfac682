"""A browser with the unmodified SDK and a plain `/ws/phone` device in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.signalwire.browser.stage import Page


def test_a_browser_calls_a_phone_device(tab: Callable[..., Page], phone: Callable[..., Any]) -> None:
    alice, device = tab("alice"), phone("carol")
    call = alice.dial("/private/carol", audio=True)
    device.phone.call_id = device.run(device.phone.expect("call.incoming"))["call_id"]
    device.run(device.phone.pick_up())
    alice.reaches(call, "connected")
    assert alice.hears(call) > 0.01
    alice.run("hangup", call)
    assert alice.reaches(call, "destroyed")[-1] == "destroyed"
