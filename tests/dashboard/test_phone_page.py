"""`/phone` as its user meets it: dialling, ringing, two calls, keypad, transfers, a lost line."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.sample(7)

INCOMING = {
    "type": "call.incoming",
    "from": "/private/bob",
    "from_name": "Bob Builder",
    "to": "/private/alice",
    "media": {"audio": True, "video": False, "receive_audio": True, "receive_video": False},
}


def ring(page, call_id: str = "in-1", **more) -> None:
    page.evaluate("(message) => platform.tell(message)", {**INCOMING, "call_id": call_id, **more})


def dial(page, destination: str) -> None:
    page.get_by_label("Who to call").fill(destination)
    page.get_by_role("button", name="Call", exact=True).first.click()


def test_the_token_leaves_the_address_bar_and_stays_in_the_tab(softphone):
    assert softphone.url == "http://localhost/phone"
    softphone.reload()
    softphone.get_by_text("Alice Example").wait_for()
    assert softphone.locator("#own").inner_text() == "/private/alice"


def test_a_link_takes_a_phone_over_only_where_its_person_says_so(softphone):
    kept = "sessionStorage.getItem('callwright.token')"
    dialog = softphone.get_by_role("dialog", name="Change this phone?")

    def open_link(token: str) -> None:
        softphone.goto(f"http://localhost/phone#token={token}&to=/public/premium")
        softphone.wait_for_load_state()

    for key in ("Escape", "Enter"):
        open_link("mallory")
        dialog.wait_for()
        assert softphone.evaluate(kept) == "good" and softphone.url == "http://localhost/phone"
        softphone.keyboard.press(key)
        softphone.get_by_text("Alice Example").wait_for()
        assert softphone.evaluate(kept) == "good"
        assert softphone.get_by_label("Who to call").input_value() == ""
    open_link("good")
    softphone.get_by_text("Alice Example").wait_for()
    assert not dialog.is_visible()
    open_link("mallory")
    dialog.wait_for()
    softphone.keyboard.press("Tab")
    softphone.keyboard.press("Enter")
    softphone.locator("#entry-page, #phone:not([hidden])").first.wait_for()
    assert softphone.evaluate(kept) in ("mallory", None)  # None: the platform has refused it already


def test_a_call_is_dialled_talks_and_ends(softphone):
    dial(softphone, "/private/bob")
    card = softphone.get_by_role("article", name="Call with /private/bob")
    card.get_by_text("Connected").wait_for()
    card.get_by_text("Good sound").click()
    card.get_by_text("MOS").wait_for()
    card.get_by_role("button", name="Mute").click()
    assert card.get_by_role("button", name="Muted").get_attribute("aria-pressed") == "true"
    card.get_by_role("button", name="Hold").click()
    card.get_by_text("On hold").wait_for()
    card.get_by_role("button", name="Resume").click()
    card.get_by_role("button", name="Hang up").click()
    card.wait_for(state="detached")
    assert "/private/bob" in softphone.locator("#log").inner_text()


def test_a_video_call_shows_both_pictures(softphone):
    softphone.get_by_role("button", name="Video call Bob Builder").click()
    card = softphone.get_by_role("article")
    card.get_by_text("Connected").wait_for()
    softphone.wait_for_function("() => document.querySelector('.stage')?.dataset.pictures === '1'")
    softphone.wait_for_function("() => document.querySelector('.stage video:not(.own)')?.videoWidth > 0")
    assert card.get_by_label("Your picture").is_visible()


def test_receive_only_sends_nothing(softphone):
    softphone.get_by_label("Microphone", exact=True).first.uncheck()
    softphone.get_by_label("Receive video").check()
    dial(softphone, "/public/tone")
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    media = softphone.evaluate("platform.of('call.create')[0].media")
    assert media == {"audio": False, "video": False, "receive_audio": True, "receive_video": True}


def test_a_ringing_call_is_answered_from_the_keyboard(softphone):
    ring(softphone)
    dialog = softphone.get_by_role("dialog", name="Bob Builder")
    dialog.wait_for()
    assert softphone.title() == "Bob Builder is calling"
    softphone.keyboard.press("Escape")
    assert dialog.is_visible()
    softphone.keyboard.press("Enter")  # the first button, Answer, has the focus
    softphone.get_by_role("article", name="Call with Bob Builder").get_by_text("Connected").wait_for()


def test_a_waiting_call_is_answered_on_top_and_swapped(softphone):
    dial(softphone, "/private/carol")
    first = softphone.get_by_role("article", name="Call with /private/carol")
    first.get_by_text("Connected").wait_for()
    ring(softphone)
    softphone.get_by_role("button", name="Hold and answer").click()
    second = softphone.get_by_role("article", name="Call with Bob Builder")
    second.get_by_text("Connected").wait_for()
    first.get_by_text("On hold").wait_for()
    softphone.get_by_role("button", name="Swap calls").click()
    first.get_by_text("Connected").wait_for()
    second.get_by_text("On hold").wait_for()


def test_a_call_given_up_stops_ringing(softphone):
    ring(softphone)
    softphone.get_by_role("dialog", name="Bob Builder").wait_for()
    softphone.evaluate(
        "platform.tell({ type: 'call.ended', call_id: 'in-1', reason: 'cancelled', cause: 'normal' })"
    )
    softphone.get_by_role("dialog").wait_for(state="hidden")
    softphone.get_by_text("Missed call from Bob Builder").wait_for()
    assert "Missed" in softphone.locator("#log").inner_text()


def test_the_address_book_is_in_the_order_of_names(softphone):
    people = (("z", "Zoe"), ("b", "bob"), ("o", "Örn"), ("a10", "Agent 10"), ("a9", "Agent 9"))
    listed = [
        {"id": name, "name": name, "display_name": shown, "type": "subscriber",
         "channels": {"audio": f"/private/{name}?channel=audio"}}
        for name, shown in people
    ]  # fmt: skip
    answer = {"data": listed, "links": {}}
    softphone.route("http://localhost/api/fabric/addresses?*", lambda route: route.fulfill(json=answer))
    softphone.reload()
    softphone.get_by_text("Agent 9").wait_for()
    names = softphone.locator("#book li bdi").all_inner_texts()
    assert names == ["Agent 9", "Agent 10", "bob", "Örn", "Zoe"]


def test_decline_and_busy_say_so(softphone):
    ring(softphone)
    softphone.get_by_role("button", name="Decline").click()
    softphone.get_by_role("dialog").wait_for(state="hidden")
    ring(softphone, "in-2")
    softphone.get_by_role("button", name="Send busy").click()
    softphone.get_by_role("dialog").wait_for(state="hidden")
    assert softphone.evaluate("platform.of('call.reject').map((m) => m.reason)") == ["rejected", "busy"]


def test_a_recorded_call_says_so_while_it_is_recorded(softphone):
    dial(softphone, "/private/bob")
    card = softphone.get_by_role("article")
    card.get_by_text("Connected").wait_for()
    sign = card.get_by_text("Recording", exact=True)
    assert not sign.is_visible()
    told = "(on) => platform.tell({ type: 'call.recording', call_id: 'call-1', recording: on })"
    softphone.evaluate(told, True)
    sign.wait_for()
    softphone.get_by_role("status").get_by_text("This call is being recorded").wait_for()
    softphone.evaluate(told, False)
    sign.wait_for(state="hidden")


def test_keys_go_out_as_dtmf(softphone):
    dial(softphone, "/public/support")
    card = softphone.get_by_role("article")
    card.get_by_text("Connected").wait_for()
    softphone.wait_for_function(
        "() => phone.activeCalls[0].peerConnection.getSenders()[0].dtmf?.canInsertDTMF === true"
    )
    card.get_by_role("button", name="Keypad").click()
    card.get_by_role("button", name="4", exact=True).click()
    softphone.keyboard.press("2")
    assert card.get_by_label("Digits sent").inner_text() == "42"


def test_both_transfers_are_offered(softphone):
    dial(softphone, "/private/bob")
    card = softphone.get_by_role("article", name="Call with /private/bob")
    card.get_by_text("Connected").wait_for()
    card.get_by_role("button", name="Transfer", exact=True).click()
    card.get_by_label("Transfer to").fill("105")
    card.get_by_role("button", name="Consult first").click()
    softphone.get_by_role("article", name="Call with 105").get_by_text("Connected").wait_for()
    card.get_by_role("button", name="Connect them").click()
    softphone.wait_for_function("() => platform.of('call.transfer.complete').length === 1")
    consult = softphone.evaluate("platform.of('call.consult')[0]")
    assert consult["destination"] == "105"


def test_a_refused_dial_is_explained(softphone):
    softphone.evaluate("platform.refuse['call.create'] = 'address_not_allowed'")
    dial(softphone, "+15551234567")
    softphone.get_by_text("this phone may not call it").wait_for()


def test_a_lost_line_says_so_and_comes_back(softphone):
    softphone.evaluate("platform.stay = true; platform.drop()")
    softphone.get_by_text("Reconnecting").wait_for()
    softphone.evaluate("platform.stay = false; platform.sockets.at(-1).end(1006)")
    softphone.get_by_text("Online", exact=True).wait_for()


def test_a_hostile_name_is_text(softphone):
    ring(
        softphone,
        from_name="<img src=x onerror='window.hurt=1'>",
        **{"from": "<script>window.hurt=1</script>"},
    )
    softphone.get_by_role("heading", name="<img src=x").wait_for()
    softphone.get_by_role("button", name="Answer", exact=True).click()
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    assert softphone.evaluate("window.hurt") is None


TOKEN = "sessionStorage.getItem('callwright.token')"
REFRESH = "sessionStorage.getItem('callwright.refresh')"


def sign_in(page, pasted: str) -> None:
    page.get_by_label("Access token").fill(pasted)
    page.get_by_role("button", name="Go online").click()


def test_a_refused_token_says_so_and_a_right_one_works_after_it(softphone):
    softphone.evaluate("sessionStorage.clear()")
    softphone.reload()
    sign_in(softphone, "mallory")
    why = softphone.get_by_role("alert").filter(has_text="This link or token does not sign you in")
    why.wait_for()
    assert not softphone.locator("#phone").is_visible()
    sign_in(softphone, "good")
    softphone.get_by_text("Online", exact=True).wait_for()
    assert softphone.locator("#who").inner_text() == "Alice Example"
    assert not why.is_visible()
    dial(softphone, "/private/bob")
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    assert softphone.evaluate("platform.of('call.create').length") == 1


def test_a_token_that_ends_signs_the_phone_out(softphone):
    softphone.evaluate("platform.drop(4401)")
    softphone.get_by_text("You are signed out: your sign-in has expired or was revoked").wait_for()
    assert softphone.evaluate(TOKEN) is None


def test_the_whole_answer_can_be_pasted(softphone):
    answer = json.dumps({"subscriber_id": "s1", "token": "good", "refresh_token": "r0"}, indent=1)
    for pasted, refresh in (
        (answer.replace('"good"', '"go\nod"'), "r0"),
        ('"good"', None),
        (" go\n od \n", None),
    ):
        softphone.evaluate("sessionStorage.clear()")
        softphone.reload()
        sign_in(softphone, pasted)
        softphone.get_by_text("Online", exact=True).wait_for()
        assert (softphone.evaluate(TOKEN), softphone.evaluate(REFRESH)) == ("good", refresh)
    softphone.evaluate("sessionStorage.clear()")
    softphone.reload()
    sign_in(softphone, '{"code": "unauthorized"}')
    softphone.get_by_text("There is no token in this text").wait_for()


def test_a_call_of_a_back_end_is_from_the_api_or_the_name_it_gave(softphone):
    ring(softphone, from_name="", **{"from": ""})
    softphone.get_by_role("dialog", name="Unknown caller").wait_for()
    softphone.get_by_role("button", name="Answer", exact=True).click()
    card = softphone.get_by_role("article", name="Call with Unknown caller")
    card.get_by_text("Incoming call for /private/alice").wait_for()
    card.get_by_role("button", name="Hang up").click()
    ring(softphone, "in-2", from_name="Parcel service", **{"from": ""})
    softphone.get_by_role("dialog", name="Parcel service").wait_for()
