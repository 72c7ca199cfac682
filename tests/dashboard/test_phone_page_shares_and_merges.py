"""The phone page's buttons for screens, conversations of three, rooms and devices: what they send and say."""

from __future__ import annotations

import re

import pytest

from tests.dashboard.test_long_and_foreign_names_fit import ARABIC, BEYOND, LONG
from tests.dashboard.test_pages_are_accessible import axe, serious, unmarked  # noqa: F401
from tests.dashboard.test_phone_page import dial, ring

pytestmark = pytest.mark.sample(8)

BOB = "/private/bob"
SIZES = [(1280, 800), (1024, 640), (390, 844)]


def sent(page, kind: str) -> list[dict]:
    return page.evaluate(f"platform.of('{kind}')")


def member(number: int, name: str, **more: object) -> dict:
    return {"leg_id": f"l{number}", "address": f"/private/p{number}", "name": name, "muted": False,
            "hand_raised": False, "sharing": False, "you": number == 0, **more}  # fmt: skip


def tell_members(page, room: str | None, *members: dict, call_id: str = "call-1", count: int = 0) -> None:
    message = {"type": "call.members", "call_id": call_id, "room": room, "count": count or len(members),
               "members": list(members)}  # fmt: skip
    page.evaluate("(message) => platform.tell(message)", message)


@pytest.fixture
def talking(softphone):
    """In a call with bob."""
    dial(softphone, BOB)
    softphone.get_by_role("article", name=f"Call with {BOB}").get_by_text("Connected").wait_for()
    return softphone


def two_calls(page) -> None:
    ring(page, from_name="Carol Danvers")
    page.get_by_role("button", name="Hold and answer").click()
    page.get_by_role("article", name="Call with Carol Danvers").get_by_text("Connected").wait_for()


def test_a_screen_is_offered_as_one_line_and_taken_away_by_the_button(talking):
    card = talking.get_by_role("article")
    card.get_by_role("button", name="Share screen").click()
    card.get_by_text("Sharing your screen").wait_for()
    [asked] = sent(talking, "call.share")
    assert asked["call_id"] == "call-1" and "destination" not in asked
    assert asked["sdp"].count("m=") == 1 and "m=video" in asked["sdp"] and "a=sendonly" in asked["sdp"]
    assert talking.evaluate("phone.activeCalls.length") == 1
    assert talking.get_by_role("article").count() == 1
    card.get_by_role("button", name="Stop sharing").click()
    card.get_by_role("button", name="Share screen").wait_for()
    assert [one["call_id"] for one in sent(talking, "call.hangup")] == ["call-2"]
    assert (
        card.get_by_text("Connected").is_visible()
        and not card.get_by_text("Sharing your screen").is_visible()
    )


def test_a_screen_that_the_platform_ends_leaves_the_call(talking):
    card = talking.get_by_role("article")
    card.get_by_role("button", name="Share screen").click()
    card.get_by_role("button", name="Stop sharing").wait_for()
    talking.evaluate(
        "platform.tell({ type: 'call.ended', call_id: 'call-2', reason: 'hangup', cause: 'normal' })"
    )
    card.get_by_role("button", name="Share screen").wait_for()
    assert card.get_by_text("Connected").is_visible()


def test_a_refused_screen_says_why_and_who_chooses_none_is_not_blamed(talking):
    card = talking.get_by_role("article")
    talking.evaluate("platform.refuse['call.share'] = 'not_supported'")
    card.get_by_role("button", name="Share screen").click()
    talking.get_by_text("Your screen cannot be shared: no: not_supported").wait_for()
    assert not card.get_by_text("Sharing your screen").is_visible()
    talking.evaluate(
        """() => { navigator.mediaDevices.getDisplayMedia = async () => {
             throw new DOMException('Permission denied', 'NotAllowedError'); }; }"""
    )
    card.get_by_role("button", name="Share screen").click()
    talking.get_by_text("No screen was chosen").wait_for()


def test_merging_names_both_calls_and_says_who_is_here(talking):
    assert not talking.get_by_role("button", name="Merge calls").is_visible()
    two_calls(talking)
    talking.get_by_role("button", name="Merge calls").click()
    talking.wait_for_function("() => platform.of('call.merge').length === 1")
    [asked] = sent(talking, "call.merge")
    assert asked["call_id"] == "in-1" and asked["other_call_id"] == "call-1"
    over = "{ type: 'call.ended', call_id: 'call-1', reason: 'transferred', cause: 'normal' }"
    talking.evaluate(f"platform.tell({over})")
    talking.get_by_text("Support line").wait_for()  # the address book is there
    talking.get_by_text(re.compile(f"(Bob Builder|{BOB}): merged")).wait_for()
    people = (member(0, "Alice Example"), member(1, "Carol Danvers"), member(2, "Bob Builder"))
    tell_members(talking, None, *people, call_id="in-1")
    here = talking.get_by_role("region", name="In this conversation")
    here.get_by_text("In this conversation: 3").wait_for()
    assert "Bob Builder" in here.inner_text() and "Alice Example (you)" in here.inner_text()
    assert not here.get_by_role("button", name="Raise hand").is_visible()
    tell_members(talking, None, call_id="in-1")
    here.wait_for(state="hidden")


def test_with_a_room_merging_brings_the_other_party_into_it(talking):
    dial(talking, "/public/standup")
    talking.get_by_role("article", name="Call with /public/standup").get_by_text("Connected").wait_for()
    talking.get_by_role("button", name="Merge calls").click()
    talking.wait_for_function("() => platform.of('call.transfer').length === 1")
    [asked] = sent(talking, "call.transfer")
    assert (asked["call_id"], asked["destination"]) == ("call-1", "/public/standup")
    assert sent(talking, "call.merge") == []


def test_a_room_shows_hands_and_screens_to_whoever_is_no_moderator(softphone):
    softphone.route("http://localhost/api/rooms/**", lambda route: route.fulfill(status=403, json={}))
    softphone.get_by_label("Addresses").get_by_text("Stand-up room").wait_for()
    dial(softphone, "/public/standup")
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    assert [one["call_id"] for one in sent(softphone, "call.members")] == ["call-1"]
    flags: list[dict] = [{}, {"hand_raised": True}, {"sharing": True}, {"muted": True}]
    names = ("Alice Example", "Carol", "Bob", "Gus")
    people = [
        member(number, name, **more) for number, (name, more) in enumerate(zip(names, flags, strict=True))
    ]
    tell_members(softphone, "Stand-up", *people, count=80)
    here = softphone.get_by_role("region", name="In this room")
    here.get_by_text("In this room: 80").wait_for()
    rows = here.get_by_role("listitem").all_inner_texts()
    assert [
        word in row
        for word, row in zip(("you", "Hand raised", "Shares a screen", "muted"), rows, strict=True)
    ]
    assert here.get_by_role("button").all_inner_texts() == ["Raise hand"]
    here.get_by_role("button", name="Raise hand").click()
    softphone.wait_for_function("() => platform.of('call.raise_hand').length === 1")
    assert sent(softphone, "call.raise_hand")[0]["raised"] is True
    tell_members(softphone, "Stand-up", people[0] | {"hand_raised": True}, *people[1:])
    here.get_by_role("button", name="Lower hand").click()
    softphone.wait_for_function("() => platform.of('call.raise_hand').length === 2")
    assert sent(softphone, "call.raise_hand")[1]["raised"] is False


def test_who_is_here_is_asked_again_after_a_lost_connection(talking):
    talking.evaluate(
        """() => { platform.listed = [{ id: 'call-1', from: '/private/alice', to: '/private/bob',
             state: 'active', direction: 'outbound' }]; platform.drop(); }"""
    )
    talking.wait_for_function("() => platform.of('call.members').length === 2")


def test_noise_suppression_is_asked_of_the_browser_and_remembered(softphone):
    softphone.evaluate(
        """() => { window.wishes = []; const native = navigator.mediaDevices.getUserMedia;
             navigator.mediaDevices.getUserMedia = (wish) => {
               wishes.push(wish.audio);
               return native.call(navigator.mediaDevices, wish);
             }; }"""
    )
    dial(softphone, BOB)
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    softphone.get_by_role("button", name="Devices").click()
    switch = softphone.get_by_label("Suppress noise around the microphone")
    assert switch.is_checked()
    switch.uncheck()
    softphone.wait_for_function("() => wishes.length === 2")
    assert softphone.evaluate("wishes[1].noiseSuppression") is False
    suppressed = "phone.activeCalls[0].localStream.getAudioTracks()[0].getSettings().noiseSuppression"
    softphone.wait_for_function(f"() => {suppressed} === false")
    softphone.reload()
    softphone.get_by_text("Online", exact=True).wait_for()
    softphone.get_by_role("button", name="Devices").click()
    assert not softphone.get_by_label("Suppress noise around the microphone").is_checked()


def test_the_ring_has_a_device_of_its_own(softphone):
    softphone.evaluate(
        """() => {
          window.sinks = []; window.played = 0;
          navigator.mediaDevices.enumerateDevices = async () => [
            { kind: 'audiooutput', deviceId: 'desk', label: 'Desk speakers' },
            { kind: 'audiooutput', deviceId: 'head', label: 'Headset' }];
          HTMLMediaElement.prototype.setSinkId = async function (id) { sinks.push(id); };
          const play = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = function () { played += 1; return play.call(this); };
        }"""
    )
    softphone.get_by_role("button", name="Devices").click()
    softphone.get_by_label("Ring on").select_option(label="Desk speakers")
    softphone.wait_for_function("() => String(sinks) === 'desk'")
    softphone.get_by_role("button", name="Play", exact=True).click()
    softphone.wait_for_function("() => played === 1")
    softphone.get_by_role("button", name="Done").click()
    ring(softphone)
    softphone.wait_for_function("() => played === 2")
    assert softphone.evaluate("localStorage.getItem('callwright.ring')") == "desk"


def test_a_test_call_lets_one_hear_oneself(softphone):
    softphone.get_by_role("button", name="Devices").click()
    softphone.get_by_role("button", name="Test call: hear yourself").click()
    softphone.get_by_role("article", name="Call with /public/echo").get_by_text("Connected").wait_for()
    assert sent(softphone, "call.create")[0]["destination"] == "/public/echo"


def test_the_page_can_be_installed(softphone):
    found = softphone.evaluate(
        """async () => { const link = document.querySelector('link[rel=manifest]');
             const manifest = await (await fetch(link.href)).json();
             const icon = await fetch(new URL(manifest.icons[0].src, link.href));
             return { ...manifest, drawn: icon.ok }; }"""
    )
    assert (found["start_url"], found["display"], found["drawn"]) == ("/phone", "standalone", True)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_no_button_leaves_the_screen_in_any_of_these_situations(softphone, axe, size):  # noqa: F811
    softphone.set_viewport_size({"width": size[0], "height": size[1]})
    softphone.get_by_role("button", name="Video call Bob Builder").click()
    card = softphone.get_by_role("article", name=f"Call with {BOB}")
    card.get_by_text("Connected").wait_for()
    card.get_by_role("button", name="Share screen").click()
    card.get_by_role("button", name="Stop sharing").wait_for()
    everything = {"hand_raised": True, "sharing": True, "muted": True}
    people = [member(1, LONG, **everything), member(2, ARABIC, hand_raised=True)]
    tell_members(
        softphone, LONG, member(0, "Alice"), *people, *(member(n, f"Person {n}") for n in range(3, 20))
    )
    softphone.get_by_role("region", name="In this room").wait_for()
    in_sight(softphone, size, card)
    assert serious(softphone, axe) == []
    assert unmarked(softphone) == []
    ring(softphone, from_name=LONG)
    softphone.get_by_role("button", name="Hold and answer").click()
    softphone.get_by_role("article", name=f"Call with {LONG}").get_by_text("Connected").wait_for()
    in_sight(softphone, size, softphone.get_by_role("article", name=f"Call with {LONG}"))
    for name in ("Swap calls", "Merge calls"):
        box = softphone.get_by_role("button", name=name).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1], (name, box)
    assert softphone.get_by_role("button", name="Merge calls").is_visible()
    assert serious(softphone, axe) == []
    softphone.get_by_role("button", name="Devices").click()
    softphone.get_by_label("Ring on").wait_for()
    box = softphone.get_by_role("dialog", name="Devices").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= size[1]
    assert serious(softphone, axe) == []


def in_sight(page, size, card) -> None:
    page.evaluate("scrollTo(0, 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    assert page.evaluate(BEYOND) == []
    for name in ("Mute", "Hold", "Hang up"):
        box = card.get_by_role("button", name=name, exact=True).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1], (name, box)
