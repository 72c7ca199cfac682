"""Two calls on the phone page become a conversation of three; each hears the two others, and two go on."""

from __future__ import annotations

import pytest

from calling import models
from tests.dashboard.test_four_tabs_meet_in_a_room import SECONDS, cast, hears, tab  # noqa: F401
from tests.dashboard.test_phone_pages_call_each_other import answer, card, dial, web  # noqa: F401
from tests.e2e.conftest import start_worker, worker  # noqa: F401 the same workers as other whole calls

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timing, pytest.mark.timeout(600)]
pytestmark += [pytest.mark.sample(2)]

# Each page listens to the call that it is in now, which may be another than at its first look.
ANEW = "() => { window.freshEars(); }"


def two_calls(tab):  # noqa: F811
    """Alice talks with carol, and bob waits."""
    pages = {name: tab(name) for name in ("alice", "bob", "carol")}
    alice = pages["alice"]
    for name in ("bob", "carol"):
        dial(alice, f"/private/{name}")
        answer(pages[name])
        card(pages[name], "Alice").get_by_text("Connected").wait_for()
    alice.get_by_role("button", name="Merge calls").wait_for()
    hears(pages["carol"], "alice")
    return pages


def merge(pages) -> None:
    pages["alice"].get_by_role("button", name="Merge calls").click()
    for page in pages.values():
        inside = page.get_by_role("region", name="In this conversation")
        inside.get_by_text("In this conversation: 3").wait_for()
        assert all(name in inside.inner_text() for name in ("Alice", "Bob", "Carol"))
    for name, page in pages.items():
        assert page.evaluate("phone.activeCalls.length") == 1
        page.evaluate(ANEW)
        hears(page, *(other for other in pages if other != name))


def test_three_hear_each_other_and_two_go_on_when_one_leaves(tab):  # noqa: F811
    pages = two_calls(tab)
    merge(pages)
    call = models.Call.objects.get(state="answered")
    assert list(models.Event.objects.filter(call_id=call.id, type="call.merged").values_list("sequence"))
    card(pages["alice"], "/private/carol").get_by_role("button", name="Hang up").click()
    for name, other in (("bob", "carol"), ("carol", "bob")):
        hears(pages[name], other)
        card(pages[name], other.title()).get_by_text("Connected").wait_for()
        assert not pages[name].get_by_role("region", name="In this conversation").is_visible()
    pages["bob"].get_by_role("button", name="Hang up").click()
    pages["carol"].wait_for_function("() => phone.activeCalls.length === 0", timeout=SECONDS)


def test_one_who_was_called_may_leave_too(tab):  # noqa: F811
    pages = two_calls(tab)
    merge(pages)
    pages["bob"].get_by_role("button", name="Hang up").click()
    hears(pages["alice"], "carol")
    hears(pages["carol"], "alice")
    # Her page knows carol by the name that `call.parties` brought.
    card(pages["alice"], "Carol").get_by_role("button", name="Hold").click()
    pages["carol"].get_by_text("On hold by them").wait_for()


def test_whoever_holds_in_a_conversation_of_three_leaves_the_others_talking(tab):  # noqa: F811
    pages = two_calls(tab)
    merge(pages)
    card(pages["alice"], "/private/carol").get_by_role("button", name="Hold").click()
    hears(pages["bob"], "carol")
    hears(pages["carol"], "bob")
    hears(pages["alice"])
    card(pages["alice"], "/private/carol").get_by_role("button", name="Resume").click()
    for name, page in pages.items():
        hears(page, *(other for other in pages if other != name))


def test_a_consultation_is_merged_with_its_call(tab):  # noqa: F811
    pages = {name: tab(name) for name in ("alice", "bob", "carol")}
    alice = pages["alice"]
    dial(alice, "/private/bob")
    answer(pages["bob"])
    card(alice, "/private/bob").get_by_text("Connected").wait_for()
    card(alice, "/private/bob").get_by_role("button", name="Transfer", exact=True).click()
    card(alice, "/private/bob").get_by_label("Transfer to").fill("/private/carol")
    card(alice, "/private/bob").get_by_role("button", name="Consult first").click()
    answer(pages["carol"])
    card(alice, "/private/carol").get_by_text("Connected").wait_for()
    merge(pages)
