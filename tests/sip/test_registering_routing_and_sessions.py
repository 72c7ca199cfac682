"""REGISTER's rules, routes, session timers and descriptions, as pure values."""

from __future__ import annotations

import pytest

from calling.sip.edge import sdp_offers
from calling.sip.stack import session_timer
from calling.sip.stack.dialog import Dialog, exact_uri
from calling.sip.stack.messages import make_request
from calling.sip.stack.registrar import Change, Registered, wanted
from calling.sip.stack.session_timer import SessionTimer
from calling.sip.stack.transaction import Hop

HOP = Hop("UDP", "192.0.2.9", 5060)


def request(method: str, *headers: tuple[str, str]):  # type: ignore[no-untyped-def]
    return make_request(
        method, exact_uri("sip:x.test"), from_="<sip:a@x.test>;tag=1", to="<sip:a@x.test>", call_id="1",
        sequence=7, extra=headers)  # fmt: skip


def test_several_contacts_are_kept_and_dropped_in_one_register() -> None:
    contacts = "<sip:a@1.2.3.4>;expires=120, <sip:a@1.2.3.5>;expires=0"
    change = wanted(request("REGISTER", ("Contact", contacts)), HOP)
    assert isinstance(change, Change) and change.drop == ("sip:a@1.2.3.5",)
    assert [(b.contact, b.expires, b.sequence) for b in change.keep] == [("sip:a@1.2.3.4", 120, 7)]


def test_the_wildcard_needs_expires_zero_and_short_times_are_refused() -> None:
    assert wanted(request("REGISTER", ("Contact", "*"), ("Expires", "0")), HOP) == Change(drop_all=True)
    assert wanted(request("REGISTER", ("Contact", "*")), HOP) == Registered(400)
    brief = wanted(request("REGISTER", ("Contact", "<sip:a@1.2.3.4>;expires=5")), HOP)
    assert brief == Registered(423, (("Min-Expires", "60"),))


@pytest.mark.parametrize("loose", [True, False])
def test_a_loose_route_keeps_the_target_and_a_strict_one_takes_its_place(loose: bool) -> None:
    route = "<sip:p.test;lr>" if loose else "<sip:p.test>"
    dialog = Dialog(
        "1", "l", "r", "<sip:a@x>", "<sip:b@x>", "sip:b@1.2.3.4", "<sip:a@x>", 1, route_set=[route]
    )
    sent = dialog.request("BYE")
    expected = ("sip:b@1.2.3.4", [route]) if loose else ("sip:p.test", ["<sip:b@1.2.3.4>"])
    assert (str(sent.uri), list(sent.headers.getlist("Route"))) == expected


def test_a_short_session_is_refused_and_the_refresher_acts_at_half_time() -> None:
    assert session_timer.too_short(request("INVITE", ("Session-Expires", "30")))
    asked = request("INVITE", ("Session-Expires", "300;refresher=uas"), ("Supported", "timer"))
    agreed = session_timer.agreed_as_server(asked)
    assert agreed == SessionTimer(300, ours=True) and agreed.due_after == 150
    assert SessionTimer(300, ours=False).due_after == 268


def test_a_timer_that_is_required_is_kept_and_one_that_nobody_would_refresh_is_not() -> None:
    wish = ("Session-Expires", "300;refresher=uac")
    required, idle = request("INVITE", wish, ("Require", "timer")), request("INVITE", wish)
    for each in (required, idle):
        each.headers.set("Supported", "100rel")
    assert session_timer.agreed_as_server(required) == SessionTimer(300, ours=False)
    assert session_timer.agreed_as_server(idle) is None


def test_a_trunk_is_offered_its_own_codecs_in_its_order() -> None:
    offer = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 0 111 9 8 110 126\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:111 opus/48000/2\r\n"
        "a=fmtp:111 useinbandfec=1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"
        "a=fmtp:126 0-15\r\na=sendrecv\r\n"
    )
    narrow = sdp_offers.limited(offer, ["PCMA", "PCMU"])
    assert "m=audio 4000 RTP/AVP 8 0 126\r\n" in narrow
    assert "opus" not in narrow and "111" not in narrow and "48000" not in narrow
    assert "a=fmtp:126 0-15\r\na=sendrecv\r\n" in narrow
    assert sdp_offers.limited(offer, []) == offer == sdp_offers.limited(offer, ["G729"])
    assert "m=audio 4000 RTP/AVP 111 110\r\n" in sdp_offers.limited(offer, ["OPUS"])


def test_a_hold_is_read() -> None:
    held = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n"
    assert sdp_offers.direction_of(held) == "sendonly"
    zeros = held.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0")
    assert sdp_offers.direction_of(zeros) == "sendonly"
    assert sdp_offers.direction_of(zeros.replace("sendonly", "sendrecv")) == "sendonly"
    assert sdp_offers.direction_of(zeros.replace("sendonly", "recvonly")) == "inactive"
    video_first = held.replace("m=audio", "m=video 7 RTP/AVP 31\r\na=inactive\r\nm=audio")
    assert sdp_offers.direction_of(video_first) == "sendonly"
