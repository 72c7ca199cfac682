"""The phone in its main situations: no sideways scrolling at any width."""

from __future__ import annotations

import pytest

from tests.dashboard.conftest import open_softphone
from tests.dashboard.test_phone_page import dial, ring


def fits(page) -> bool:
    page.set_viewport_size({"width": 320, "height": 640})
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_phone_fits_a_narrow_screen_in_every_situation(softphone):
    assert fits(softphone)
    softphone.get_by_role("button", name="Video call Bob Builder").click()
    card = softphone.get_by_role("article")
    card.locator(".quality summary").wait_for()
    softphone.wait_for_function("() => document.querySelector('.stage video:not(.own)')?.videoWidth > 0")
    assert fits(softphone)
    ring(softphone, from_name="Carol Danvers")
    softphone.get_by_role("dialog").wait_for()
    assert fits(softphone)
    softphone.get_by_role("button", name="Hold and answer").click()
    softphone.get_by_role("article", name="Call with Carol Danvers").get_by_text("Connected").wait_for()
    softphone.get_by_role("button", name="Transfer", exact=True).last.click()
    assert fits(softphone)


def test_the_entry_form_is_shown_without_a_token(softphone):
    softphone.evaluate("sessionStorage.clear()")
    softphone.goto("http://localhost/phone")
    softphone.get_by_label("Access token").wait_for()
    softphone.get_by_label("Access token").fill("good")
    softphone.get_by_role("button", name="Go online").click()
    softphone.get_by_text("Online", exact=True).wait_for()
    dial(softphone, "105")
    softphone.get_by_role("article").get_by_text("Connected").wait_for()


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_a_call_is_above_the_form_that_dials_in_every_language(page, language):
    open_softphone(page, language)
    page.locator("#line[data-state=ready]").wait_for()
    page.locator("#destination").fill("/private/bob")
    page.locator("#destination").press("Enter")
    call = page.get_by_role("article")
    call.wait_for()
    assert call.bounding_box()["y"] < page.locator("#dial").bounding_box()["y"]
