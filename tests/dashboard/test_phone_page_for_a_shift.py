"""`/phone` as an agent has it open all day: history, presence, names, one keypad, verbs in sight."""

from __future__ import annotations

import json

import pytest

from tests.dashboard.conftest import ADDRESSES
from tests.dashboard.test_phone_page import dial, ring

pytestmark = pytest.mark.sample(6)

BOB = "/private/bob"
ENTRY = {
    "id": "h1", "direction": "inbound", "missed": True, "seen": False, "state": "ended", "kind": "subscriber",
    "from": BOB, "from_name": "Bob Builder", "to": "/private/alice", "to_name": None,
    "created_at": "2026-11-28T10:00:00Z", "answered_at": None, "ended_at": "2026-11-28T10:00:20Z",
    "duration_ms": 0, "end_reason": "no-answer", "end_cause": "normal",
}  # fmt: skip
CALLED = ENTRY | {
    "id": "h2", "direction": "outbound", "missed": False, "from": "/private/alice", "from_name": None,
    "to": "/private/carol", "to_name": None, "answered_at": "2026-11-28T09:00:03Z", "duration_ms": 65_000,
    "end_reason": "hangup",
}  # fmt: skip

WORDS = ("busy", "available", None, None)


def again(page) -> None:
    """The same page once more, with the routes that the test has set."""
    page.reload()
    page.get_by_text("Online", exact=True).wait_for()


@pytest.fixture
def seen(softphone) -> list[str]:
    """The page with a history; what it has posted to `/api/history/seen`."""
    posted: list[str] = []
    softphone.route(
        "http://localhost/api/history?*", lambda route: route.fulfill(json={"data": [ENTRY, CALLED]})
    )
    softphone.route(
        "http://localhost/api/history/seen", lambda route: (posted.append("seen"), route.fulfill(json={}))
    )
    again(softphone)
    return posted


def created(page) -> list[dict]:
    return page.evaluate("platform.of('call.create')")


def test_missed_calls_are_counted_seen_and_called_back_with_a_click(softphone, seen):
    softphone.get_by_text("1 missed").wait_for()
    row = softphone.get_by_role("button", name="Missed call from Bob Builder")
    assert "Missed" in row.inner_text()
    softphone.get_by_text("1 missed").wait_for(state="hidden")
    assert seen == ["seen"]
    row.click()
    softphone.get_by_role("article", name=f"Call with {BOB}").get_by_text("Connected").wait_for()
    assert created(softphone)[-1]["destination"] == BOB


def test_the_history_names_people_by_the_address_book_and_says_how_long(softphone, seen):
    row = softphone.get_by_role("button", name="Call to Carol Danvers")
    assert "1:05" in row.inner_text() and "/private/carol" in row.inner_text()


def test_the_address_book_shows_presence_and_leaves_oneself_out(softphone):
    own = {"id": "a0", "name": "alice", "display_name": "Alice Example", "type": "subscriber",
           "channels": {"audio": "/private/alice?channel=audio"}}  # fmt: skip
    rows = [entry | {"presence": word} for entry, word in zip(ADDRESSES["data"], WORDS, strict=True)]
    softphone.route(
        "http://localhost/api/fabric/addresses?*",
        lambda route: route.fulfill(json={"data": [own, *rows], "links": {}}),
    )
    again(softphone)
    book = softphone.get_by_label("Addresses")
    book.get_by_text("Bob Builder").wait_for()
    assert (
        "On a call · /private/bob" in book.inner_text() and "Available · /private/carol" in book.inner_text()
    )
    assert "Alice Example" not in book.inner_text()


@pytest.mark.parametrize("typed", ["Bob Builder", "bob", "BOB B", "builder"])
def test_a_name_is_dialled(softphone, typed):
    softphone.get_by_label("Addresses").get_by_text("Bob Builder").wait_for()
    dial(softphone, typed)
    softphone.get_by_role("article", name=f"Call with {BOB}").get_by_text("Connected").wait_for()
    assert created(softphone)[-1]["destination"] == BOB


def test_somebody_who_joined_meanwhile_is_dialled_by_name(softphone):
    softphone.get_by_label("Addresses").get_by_text("Bob Builder").wait_for()
    entry = {**ADDRESSES["data"][0], "id": "n", "name": "nora", "display_name": "Nora New"}
    newcomer = {**entry, "channels": {"audio": "/private/nora?channel=audio"}}
    softphone.route(
        "http://localhost/api/fabric/addresses?*",
        lambda route: route.fulfill(json={"data": [*ADDRESSES["data"], newcomer], "links": {}}),
    )
    dial(softphone, "nora new")
    softphone.get_by_role("article", name="Call with /private/nora").get_by_text("Connected").wait_for()
    assert created(softphone)[-1]["destination"] == "/private/nora"


def test_a_hold_or_a_mute_by_staff_is_not_shown_as_ones_own(softphone):
    dial(softphone, BOB)
    card = softphone.get_by_role("article")
    card.get_by_text("Connected").wait_for()
    told = "(message) => platform.tell({ call_id: 'call-1', ...message })"
    softphone.evaluate(told, {"type": "call.held", "held_by": "local"})
    softphone.get_by_text("Your organization put this call on hold").wait_for()
    card.get_by_text("On hold by your organization").wait_for()
    card.get_by_role("button", name="Resume").click()
    card.get_by_text("Connected").wait_for()
    softphone.evaluate(told, {"type": "call.muted", "channels": ["audio"], "by": "local"})
    softphone.get_by_text("You were muted by somebody else").wait_for()
    card.get_by_role("button", name="Muted").click()
    card.get_by_role("button", name="Hold").click()
    card.get_by_text("On hold", exact=True).wait_for()
    assert not card.get_by_text("On hold by your organization").count()


def test_a_name_of_several_or_of_nobody_is_told_and_not_dialled(softphone):
    softphone.get_by_label("Addresses").get_by_text("Bob Builder").wait_for()
    dial(softphone, "s")
    softphone.get_by_text("“s” could be").wait_for()
    dial(softphone, "zoe")
    softphone.get_by_text("Nobody in the address book is called “zoe”").wait_for()
    assert created(softphone) == []


def test_one_keypad_dials_when_idle_and_sends_digits_in_a_call(softphone):
    pad = softphone.get_by_role("group", name="Keypad", exact=True)
    for digit in "10":
        pad.get_by_role("button", name=digit, exact=True).click()
    softphone.locator("h1").first.evaluate("(e) => document.activeElement.blur()")
    softphone.keyboard.press("5")
    assert softphone.get_by_label("Who to call").input_value() == "105"
    softphone.get_by_role("button", name="Call", exact=True).first.click()
    card = softphone.get_by_role("article", name="Call with 105")
    card.get_by_text("Connected").wait_for()
    softphone.get_by_text("Keypad: digits go to 105").wait_for()
    pad.get_by_role("button", name="7", exact=True).click()
    softphone.locator("h1").first.evaluate("(e) => document.activeElement.blur()")
    softphone.keyboard.press("#")
    assert card.get_by_label("Digits sent", exact=True).evaluate("(e) => e.textContent") == "7#"
    assert softphone.get_by_label("Who to call").input_value() == "105"


@pytest.mark.parametrize(
    "size", [(1024, 640), (1280, 800), (390, 844)], ids=lambda size: f"{size[0]}x{size[1]}"
)
def test_the_verbs_of_a_call_with_a_picture_are_in_sight(softphone, size):
    softphone.set_viewport_size({"width": size[0], "height": size[1]})
    softphone.get_by_label("Who to call").fill(BOB)
    softphone.get_by_role("button", name="Video call", exact=True).first.click()
    card = softphone.get_by_role("article", name=f"Call with {BOB}")
    card.get_by_text("Connected").wait_for()
    card.locator("video").first.wait_for()
    softphone.evaluate("scrollTo(0, 0)")
    for opened in (None, "Keypad", "Transfer"):
        if opened:
            card.get_by_role("button", name=opened, exact=True).click()
        for name in ("Hang up", "Mute", "Hold"):
            box = card.get_by_role("button", name=name, exact=True).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= size[1], (name, opened, box)


def test_leaving_a_call_asks_first_and_an_idle_page_does_not(softphone):
    asked: list[str] = []
    softphone.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    softphone.get_by_label("Who to call").click()  # browsers ask only who has touched the page
    again(softphone)
    assert asked == []
    dial(softphone, BOB)
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    softphone.reload()
    assert asked == ["beforeunload"]


def test_the_caller_is_described_by_what_came_with_the_call_as_text(softphone):
    about = {
        "company": "Acme <b>GmbH</b>", "link": "https://crm.example.com/contacts/7", "vip": True,
        "url": "javascript:alert(1)", "nested": {"a": 1},
    }  # fmt: skip
    ring(softphone, user_variables=about)
    dialog = softphone.get_by_role("dialog", name="Bob Builder")
    dialog.get_by_text("Acme <b>GmbH</b>").wait_for()
    link = dialog.get_by_role("link")
    assert link.count() == 1 and link.inner_text() == "crm.example.com/contacts/7"
    assert link.get_attribute("rel") == "noopener noreferrer" and link.get_attribute("target") == "_blank"
    assert "javascript:alert(1)" in dialog.inner_text()


def test_a_room_names_who_is_in_it_and_lets_moderators_mute(softphone):
    posted: list[str] = []
    room = {"name": "standup", "state": "active", "locked": False, "members": [
        {"leg_id": f"l{number}", "call_id": f"c{number}", "address": address, "muted": False,
         "talking": number == 1, "joined_at": "2026-11-28T10:00:00Z", "deaf": False, "volume": 0}
        for number, address in enumerate(("/private/alice", "/private/carol"))]}  # fmt: skip

    def answer(route) -> None:
        if route.request.method == "POST":
            posted.append(route.request.url.rsplit("/api", 1)[1])
            room["members"][1]["muted"] = True
        route.fulfill(content_type="application/json", body=json.dumps(room))

    softphone.route("http://localhost/api/rooms/**", answer)
    softphone.get_by_label("Addresses").get_by_text("Stand-up room").wait_for()
    dial(softphone, "/public/standup")
    inside = softphone.get_by_role("region", name="In this room")
    inside.get_by_text("Carol Danvers").wait_for()
    assert "In this room: 2" in inside.inner_text() and "talking" in inside.inner_text()
    inside.get_by_role("button", name="Mute Carol Danvers").click()
    inside.get_by_role("button", name="Unmute Carol Danvers").wait_for()
    assert posted == ["/rooms/standup/members/l1/mute"]


def test_a_refused_token_is_told_loudly(softphone):
    softphone.evaluate("() => { platform.expected = 'another'; platform.drop(4401); }")
    softphone.get_by_role("alert").get_by_text("You are signed out").wait_for()
    assert softphone.get_by_label("Access token").is_visible()


def test_an_old_refusal_goes_when_a_call_rings(softphone):
    softphone.evaluate("platform.refuse['call.create'] = 'forbidden'")
    dial(softphone, "/private/carol")
    softphone.get_by_text("no: forbidden").wait_for()
    ring(softphone)
    softphone.get_by_role("dialog", name="Bob Builder").wait_for()
    assert not softphone.locator("#announce").is_visible()
