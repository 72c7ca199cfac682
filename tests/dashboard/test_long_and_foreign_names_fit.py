"""Names of 90 letters, in Arabic and in Hebrew: no page grows by them, no button of a call leaves it."""

from __future__ import annotations

import pytest

from calling import models
from subscribers.models import Address, Room, SipGateway, Subscriber
from tests.dashboard.sample_data import person
from tests.dashboard.test_phone_page import dial, ring
from tests.dashboard.test_staff_pages_are_looked_at import PAGES, furnished, path_of  # noqa: F401

ARABIC = "مكتب الاستقبال الرئيسي في القاهرة"
HEBREW = "דוד בן־גוריון, שירות לקוחות"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mbH & Co. KG"
SIZES = [(1440, 900), (1024, 640), (390, 844), (320, 640)]
# What a person can press and a part of which is beyond the left or right edge of the window.
BEYOND = """() => [...document.querySelectorAll('main :is(button, a, input, select)')].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width && !one.closest('.wide, .unseen') && (box.left < 0 || box.right > innerWidth + 1);
}).map((one) => one.outerHTML.slice(0, 90))"""


@pytest.fixture
def named(furnished):  # noqa: F811
    for who, name in (("alice", ARABIC), ("bob", LONG), ("carol", HEBREW)):
        row = furnished.subscribers[who]
        Subscriber.objects.filter(pk=row.pk).update(display_name=name)
        Address.objects.filter(resource_id=row.pk).update(display_name=name)
    models.Call.objects.filter(pk=furnished.calls["ringing"].pk).update(from_name=HEBREW)
    Room.objects.filter(name="standup").update(display_name=ARABIC)
    Room.objects.filter(name="board").update(display_name=LONG)
    SipGateway.objects.filter(name="Carrier").update(name=LONG)
    return furnished


@pytest.mark.parametrize(
    "name", ["live", "call", "search", "subscribers", "subscriber", "rooms", "lines", "hang-up"]
)
def test_a_page_with_such_names_fits_every_width(desk, named, name):
    page = desk(path_of(name, named), "root")
    page.get_by_role("heading", level=1).first.wait_for()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), (name, width)
        assert page.evaluate(BEYOND) == [], (name, width)


def test_names_from_right_to_left_keep_caller_and_callee_in_their_order(desk, named):
    """Without isolation the arrow and two such names become one run of text from right to left."""
    models.Call.objects.filter(pk=named.calls["live"].pk).update(to_address="/private/carol")
    page = desk(path_of("call", named), "root")
    page.set_viewport_size({"width": 1440, "height": 900})
    caller, callee = (one.bounding_box() for one in page.get_by_role("heading", level=1).locator("bdi").all())
    assert caller["y"] == callee["y"] and caller["x"] < callee["x"]


def test_the_phone_shows_such_names_and_every_button_of_two_calls(softphone):
    ring(softphone, from_name=LONG)
    softphone.get_by_role("button", name="Answer", exact=True).click()
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    ring(softphone, call_id="in-2", from_name=ARABIC)
    softphone.get_by_role("button", name="Hold and answer").click()
    second = softphone.get_by_role("article", name=f"Call with {ARABIC}")
    second.get_by_text("Connected").wait_for()
    softphone.get_by_role("article", name=f"Call with {LONG}").get_by_text("On hold").wait_for()
    second.locator(".quality summary").wait_for()
    for width, height in [(1024, 640), (390, 844)]:
        softphone.set_viewport_size({"width": width, "height": height})
        softphone.evaluate("scrollTo(0, 0)")
        assert softphone.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        for card in softphone.get_by_role("article").all():
            for button in card.locator(".verbs button:visible").all():
                box = button.bounding_box()
                assert box["y"] >= 0 and box["y"] + box["height"] <= height, (width, button.inner_text(), box)


def test_a_waiting_call_folds_its_panels_and_one_is_open_at_a_time(softphone):
    dial(softphone, "/private/bob")
    card = softphone.get_by_role("article")
    card.get_by_text("Connected").wait_for()
    card.get_by_role("button", name="Keypad", exact=True).click()
    card.get_by_role("button", name="Transfer", exact=True).click()
    assert not card.get_by_role("group", name="In-call keypad").is_visible()
    card.get_by_role("button", name="Hold", exact=True).click()
    card.get_by_label("Transfer to").wait_for(state="hidden")
    assert card.get_by_role("button", name="Transfer", exact=True).get_attribute("aria-expanded") == "false"


@pytest.mark.parametrize("name", ["project", "lines"])
def test_a_long_name_pushes_no_column_out_of_a_table(desk, named, name):
    """The roles of all stood beyond the edge where one colleague had a name of 140 letters."""
    person("w" * 140, named.project, "viewer")
    Address.objects.filter(project=named.project, kind="subscriber").update(display_name="W" * 150)
    page = desk(path_of(name, named), "root")
    page.set_viewport_size({"width": 1280, "height": 800})
    wider = "[...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
    assert page.evaluate(f"{wider}.map((one) => one.getAttribute('aria-label'))") == []


def test_every_event_of_the_ladder_is_read_whole_on_a_narrow_phone(desk, named):
    page = desk(path_of("call", named), "root")
    page.set_viewport_size({"width": 360, "height": 640})
    cut = (
        "[...document.querySelectorAll('#ladder th')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
    )
    assert page.evaluate(f"{cut}.map((one) => one.innerText)") == []
    assert page.evaluate("document.querySelector('#ladder-wide').scrollWidth") <= 360


LINES = """() => [...document.querySelectorAll('.facts dd')].filter((one) =>
  /^[0-9a-f-]{36}$|^[-0-9]{10} [0-9:]{8} UTC$/.test(one.innerText.trim())).map((one) => {
    const text = document.createRange();
    text.selectNodeContents(one);
    return [one.innerText.trim(), new Set([...text.getClientRects()].map((box) => Math.round(box.top))).size];
  })"""


@pytest.mark.parametrize("name", ["call", "project", "subscriber"])
def test_an_id_stands_in_one_line_and_so_does_a_time_at_a_desk(desk, named, name):
    """A number that breaks is neither read aloud nor copied in one piece."""
    page = desk(path_of(name, named), "root")
    for width, times in ((1280, True), (360, False)):
        page.set_viewport_size({"width": width, "height": 800})
        found = page.evaluate(LINES)
        assert (
            found and [text for text, lines in found if lines > 1 and (times or "UTC" not in text)] == []
        ), width
