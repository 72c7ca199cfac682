"""The glossary of the staff pages: every "?" leads to its word, and the navigation says where one is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calling.commands.suspension import REASON
from calling.dashboard import code_words
from calling.dashboard.glossary import GROUPS, WORDS
from calling.machine.states import AttemptState, MediaState
from calling.webhooks.delivery_queue import UNREADABLE
from tests.dashboard.test_staff_pages_are_looked_at import PAGES, furnished, path_of  # noqa: F401

TEMPLATES = Path(__file__).parents[2] / "calling" / "dashboard" / "templates" / "dashboard"
LINKED = {
    name
    for path in TEMPLATES.glob("*.html")
    for name in re.findall(r'{% help "([^"]+)" %}', path.read_text())
}


def test_every_link_to_a_word_and_every_reference_between_words_has_its_word():
    assert len(LINKED) > 20
    assert not LINKED - WORDS.keys()
    assert not {other for word in WORDS.values() for other in word.also} - WORDS.keys()
    assert sum(len(words) for _, words in GROUPS) == len(WORDS)  # no anchor twice


@pytest.mark.parametrize(
    "code",
    [
        *("top_up", "adjust", "reserve", "charge", "release"),  # of the ledger
        *("SAT", "Refresh"),  # of tokens
        *(state.value for state in MediaState),
        *(state.value for state in AttemptState),
        *("phone", "fabric"),  # of devices
        *("subscriber", "room", "script", "pstn", "sip"),  # of calls
        *(REASON, UNREADABLE, "answered 410 Gone", "connect: the connection failed"),
    ],
)
def test_a_code_that_pages_show_has_words(code):
    assert code.replace(" ", "_") in code_words.WORDS


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "name", ["live", "call", "webhooks", "lines", "balance", "health", "subscriber", "charts"]
)
def test_a_question_mark_leads_to_what_the_word_means(desk, furnished, name):  # noqa: F811
    page = desk(path_of(name, furnished), "root")
    link = page.locator("main a.help").first
    word = link.get_attribute("aria-label").removeprefix("What is this: ")
    link.press("Enter")
    page.get_by_role("heading", name="Glossary", level=1).wait_for()
    shown = page.locator("dl :target")
    assert shown.locator("dt").inner_text() == word
    assert shown.bounding_box()["y"] < page.viewport_size["height"]


def test_on_a_phone_no_link_of_a_hidden_table_head_takes_the_focus(desk, furnished):  # noqa: F811
    page = desk(path_of("lines", furnished), "root")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.locator("thead a.help").count() > 0
    assert page.locator("thead a.help:visible").count() == 0


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("live", "Live calls"),
        ("call", "Search"),
        ("delivery", "Webhooks"),
        ("new-webhook", "Webhooks"),
        ("subscriber", "Subscribers"),
        ("room", "Rooms"),
        ("new-script", "Scripts"),
        ("examination", "Health"),
        ("glossary", "Glossary"),
    ],
)
def test_the_navigation_marks_the_section_of_each_page(client, furnished, name, section):  # noqa: F811
    client.force_login(furnished.people["root"])
    text = client.get(path_of(name, furnished)).content.decode()
    assert re.findall(r'<a href="[^"]+" aria-current="\w+">([^<]+)</a>', text.split("<main")[0]) == [section]
