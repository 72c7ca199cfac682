"""What a lead meets on the staff pages all day, in a browser: questions, zones, lengths, holds, layout."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from calling import models
from tests.dashboard.sample_data import event
from tests.dashboard.test_staff_pages_are_looked_at import furnished  # noqa: F401

pytestmark = pytest.mark.sample(4)

# Gaps between what stands below each other in `#call`, pixels.
GAPS = """() => {
  const boxes = [...document.querySelectorAll('#call > *')].map((one) => one.getBoundingClientRect());
  return boxes.slice(1).map((box, i) => Math.round(box.top - boxes[i].bottom));
}"""
# Texts with no place to break in their cell that are shown on several lines all the same.
BROKEN = """() => [...document.querySelectorAll('table a, table bdi, table .small')].filter((one) => {
  const lines = new Set([...one.getClientRects()].map((box) => box.top));
  return lines.size > 1 && one.textContent.trim().length < 20 && !/\\s/.test(one.textContent.trim());
}).map((one) => one.textContent)"""


def test_a_live_call_ends_after_a_question_that_can_be_cancelled(desk, world):
    call = world.calls["live"]
    page = desk("/dashboard/", "otto")
    page.get_by_role("row", name="Bob").get_by_role("link", name="Hang up").click()
    page.get_by_role("heading", name="End the call of Alice to Bob?").wait_for()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("heading", name="Live calls").wait_for()
    call.refresh_from_db()
    assert call.state == "answered"
    page.get_by_role("row", name="Bob").get_by_role("link", name="Hang up").click()
    page.get_by_role("button", name="Hang up").click()
    page.get_by_role("heading", name="Live calls").wait_for()
    call.refresh_from_db()
    assert (call.state, call.ended_by) == ("ended", "api")


def test_revoking_a_token_is_asked_first(desk, furnished):  # noqa: F811
    from tokens.models import ApiToken

    page = desk("/dashboard/project", "olga")
    page.get_by_role("link", name="Revoke").first.click()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("heading", level=1).wait_for()
    assert ApiToken.objects.filter(project=furnished.project, revoked_at=None).exists()


def test_times_are_in_the_zone_of_the_browser_and_say_which(browser, live_server, world):
    from django.conf import settings
    from django.test import Client

    call, client = world.calls["over"], Client()
    models.Call.objects.filter(pk=call.pk).update(created_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC))
    client.force_login(world.people["vera"])
    context = browser.new_context(timezone_id="America/New_York")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/dashboard/calls/{call.pk}")
    page.get_by_text("2026-01-05 07:00:00 EST").first.wait_for()
    page.goto(f"{live_server.url}/dashboard/calls")
    page.get_by_label("From (E").wait_for()
    context.close()


def test_a_call_that_is_over_says_its_length_and_its_cards_stand_apart(desk, world):
    call = world.calls["over"]
    models.Call.objects.filter(pk=call.pk).update(
        answered_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
        ended_at=datetime(2026, 1, 5, 13, 1, 2, tzinfo=UTC),
    )
    page = desk(f"/dashboard/calls/{call.pk}", "vera")
    facts = page.get_by_role("region", name="Facts")
    assert "1:01:02" in facts.inner_text() and "hung up by Bob" in facts.inner_text()
    assert all(gap >= 8 for gap in page.evaluate(GAPS)), page.evaluate(GAPS)
    ladder = page.get_by_role("region", name="Ladder").inner_text()
    assert "{" not in ladder and "_ms" not in ladder


def test_hold_says_who_hears_music_and_is_offered_where_it_has_an_effect(desk, world):
    call = world.calls["live"]
    page = desk(f"/dashboard/calls/{call.pk}", "otto")
    assert page.get_by_role("button", name="Hold Bob").get_attribute("title") == "Bob hears music"
    assert not page.get_by_role("button", name="Resume Bob").count()
    page.get_by_role("button", name="Hold Bob").click()
    page.get_by_role("button", name="Resume Bob").wait_for()
    assert not page.get_by_role("button", name="Hold Bob").count()
    page.goto(page.url.replace(str(call.pk), str(world.calls["ringing"].pk)))
    page.get_by_role("link", name="Hang up").wait_for()
    assert not page.get_by_role("button", name="Hold").count()


def test_what_the_viewer_opened_stays_open_while_the_page_refreshes_itself(desk, world):
    call = world.calls["live"]
    event(call, "call.muted", 8, timezone.now(), channels=["audio"])
    page = desk(f"/dashboard/calls/{call.pk}", "vera")
    details = page.locator("#ladder details").first
    details.locator("summary").click()
    event(call, "call.dtmf", 9, timezone.now(), digit="5")
    page.get_by_role("row", name="A key was pressed").wait_for()  # it came by a refresh
    assert details.locator("pre").is_visible()


def test_what_is_shown_once_is_copied_by_a_button(desk, page, live_server, world):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    desk(f"/dashboard/subscribers/{world.subscribers['alice'].pk}", "olga")
    page.get_by_role("button", name="Make a sign-in link").click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    shown = page.get_by_text("/phone#token=").inner_text().strip()
    assert page.evaluate("navigator.clipboard.readText()") == shown


def test_the_audit_log_names_and_links_what_was_done_and_who_signed_in(desk, page, live_server, world):
    page.goto(live_server.url + "/dashboard/login")
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{live_server.url}/dashboard/calls/{world.calls['live'].pk}/hangup")
    page.get_by_role("button", name="Hang up").click()
    page.goto(live_server.url + "/dashboard/audit")
    page.get_by_role("row", name="login").first.wait_for()
    page.get_by_role("row", name="call.hangup").get_by_role("link", name="Alice → Bob").click()
    page.get_by_role("heading", name="Alice to Bob").wait_for()


def test_pages_use_the_width_they_have(desk, page, furnished):  # noqa: F811
    page.set_viewport_size({"width": 1280, "height": 800})
    desk("/dashboard/calls", "vera")
    wide = {label: page.get_by_label(label).bounding_box()["width"] for label in ("Until (UTC)", "State")}
    assert all(120 <= width <= 420 for width in wide.values()), wide
    assert page.evaluate(BROKEN) == []
    desk("/dashboard/", "otto")
    assert page.evaluate(BROKEN) == []
    page.set_viewport_size({"width": 390, "height": 844})
    desk("/dashboard/project", "olga")
    here = page.locator(".side [aria-current]").bounding_box()
    assert here["x"] >= 0 and here["x"] + here["width"] <= 390, "the tab of this page is out of sight"
    desk(f"/dashboard/calls/{furnished.calls['live'].pk}", "vera")
    heads = page.locator("#ladder thead bdi").evaluate_all("(all) => all.map((one) => one.offsetHeight)")
    assert all(height < 60 for height in heads), heads


def test_a_chart_says_what_its_bars_are_and_of_which_time(desk, world):
    page = desk("/dashboard/charts", "vera")
    chart = page.locator("figure.chart").first
    shown = chart.inner_text().split("\n")
    assert len([line for line in shown if line.strip()]) >= 5, "title, sum, first and last time, highest bar"
    assert chart.locator("rect title").first.evaluate("(one) => one.textContent")
    before = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("navigation", name="Period").get_by_role("link").last.click()
    page.wait_for_load_state()
    assert page.get_by_role("heading", level=1).inner_text() != before
