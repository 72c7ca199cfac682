"""The level meter of a call on the phone page, with Chromium's beeping test microphone."""

from __future__ import annotations

from collections.abc import Callable

from tests.dashboard.test_phone_page import dial

SECONDS = 10.0  # Chromium's test microphone beeps once a second


def level(page) -> float:
    return page.locator(".call meter").evaluate("(one) => one.value")


def until(page, fits: Callable[[float], bool]) -> None:
    for _ in range(int(SECONDS / 0.05)):
        if fits(level(page)):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"the meter stays at {level(page)}")


def test_the_meter_moves_with_the_microphone_and_rests_while_muted(softphone):
    dial(softphone, "/private/bob")
    card = softphone.get_by_role("article")
    card.get_by_text("Connected").wait_for()
    card.get_by_label("Your microphone").wait_for()
    until(softphone, lambda value: value > 0.3)
    until(softphone, lambda value: value < 0.2)  # between two beeps
    card.get_by_role("button", name="Mute", exact=True).click()
    card.locator(".level").get_by_text("Muted").wait_for()
    until(softphone, lambda value: value < 0.01)
    for _ in range(30):  # more than one beep
        softphone.wait_for_timeout(50)
        assert level(softphone) < 0.01


def test_a_call_without_a_microphone_has_no_meter(softphone):
    softphone.get_by_label("Microphone", exact=True).first.uncheck()
    softphone.get_by_label("Receive video").check()
    dial(softphone, "/public/tone")
    card = softphone.get_by_role("article")
    card.locator(".quality summary").wait_for()
    assert not card.locator(".level").is_visible()


def test_a_microphone_that_says_nothing_is_told(softphone):
    softphone.evaluate(
        """() => { navigator.mediaDevices.getUserMedia = async () => {
          const context = new AudioContext();
          return context.createMediaStreamDestination().stream;
        }; }"""
    )
    dial(softphone, "/private/bob")
    card = softphone.get_by_role("article")
    card.get_by_text("Connected").wait_for()
    card.get_by_text("No sound from your microphone").wait_for()
