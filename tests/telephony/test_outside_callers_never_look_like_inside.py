"""A caller from a gateway is a number, a SIP URI or anonymous, and never looks like the directory."""

from __future__ import annotations

import pytest

from calling import models
from calling.commands import dial
from calling.commands.routing import DialRequest
from calling.sip.edge import inbound
from calling.sip.edge.identity import Caller, caller_of
from calling.sip.edge.mapping import address
from calling.sip.edge.routes import routes_to, shown_inside, shown_outside
from calling.sip.edge.rows import GATEWAY_PREFIX, OutboundAttempt, shown_caller
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.messages import make_request
from calling.sip.stack.parser import parse
from calling.sip.stack.server_transaction import ServerTransaction
from calling.sip.stack.transaction import Hop
from calling.sip.ua.server_session import DialogServerSession
from subscribers.addressing import MalformedDestination, parse_destination
from subscribers.models import Address, PhoneNumber, SipGateway
from tests.sip.conftest import SDP
from tests.support import fake_worker, rest_client
from tests.support.people import Cast
from tests.telephony.conftest import OWN
from tests.telephony.test_a_call_is_judged_by_where_it_goes import agent_of

OURS = frozenset({"callwright", "calls.example.com"})
SOURCE = "203.0.113.9"
FROMS = [
    ("<sip:+15551230000@far.test>;tag=1", "+15551230000"),
    ("<sip:+15551230000;phone-context=x@far.test>", "+15551230000"),
    ("<tel:+1-555-123-0000>;tag=1", "+15551230000"),
    ("<TEL:+15551230000;ext=1>", "+15551230000"),
    ("<sip:alice@far.test>;tag=1", "sip:alice@far.test"),
    ("<sip:alice@FAR.test:5070>", "sip:alice@far.test:5070"),
    ("<sips:46701234567@[2001:db8::1]>", "sip:46701234567@[2001:db8::1]"),
    ("<sip:alice@callwright>", "sip:alice@203.0.113.9"),
    ("<sip:alice@Calls.Example.com:5060>", "sip:alice@203.0.113.9"),
    ("<sip:/private/ceo@127.0.0.1>;tag=1", "anonymous"),
    ("<sip:%2Fprivate%2Fceo@far.test>", "anonymous"),
    ("<sip:/public/bank@callwright>", "anonymous"),
    ("<sip:+/private/ceo@far.test>", "anonymous"),
    ("<sip:+0155@far.test>", "anonymous"),
    ("<tel:/private/ceo>", "anonymous"),
    ("<tel:5551234>", "anonymous"),
    ("<sip:anonymous@anonymous.invalid>", "anonymous"),
    ("<sip:Anonymous@far.test>", "anonymous"),
    ("<sip:far.test>", "anonymous"),
    (f"<sip:{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}>", "anonymous"),
    ('"x" <http://private/ceo>', "anonymous"),
    ("", "anonymous"),
]


def said(from_: str) -> Caller:
    uri = f"sip:{OWN}@callwright"
    request = make_request(
        "INVITE", exact_uri(uri), from_=from_, to=f"<{uri}>", call_id="1", sequence=1, extra=()
    )
    return caller_of(request, trusted=False, ours=OURS, source=SOURCE)


@pytest.mark.parametrize(("text", "caller"), FROMS)
def test_a_from_is_a_number_a_uri_or_nobody(text: str, caller: str) -> None:
    assert said(text).shown == caller
    if caller != "anonymous":
        assert parse_destination(caller).kind in ("number", "sip")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Carol of Sales", "Carol of Sales"),
        ("/private/ceo", ""),
        ("  /private/ceo", ""),
        ("\uff0fprivate\uff0fceo", ""),
        ("\u2215private\u2044ceo", ""),
        ("\u202e\u200b/private/ceo", ""),
        ("a\u202eb\x07c", "a b c"),
        ("", ""),
        ("n" * 300, "n" * 100),
    ],
)
def test_a_display_name_is_no_address(name: str, shown: str) -> None:
    assert said(f'"{name}" <sip:x@y>').name == shown


def incoming(cast: Cast, from_: str) -> models.Call:
    """The row of a call that came through the cast's gateway."""
    PhoneNumber.objects.filter(number=OWN).update(address=Address.objects.get(name="bob"))
    request = parse(
        f"INVITE sip:{OWN}@callwright SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK1\r\n"
        f"Max-Forwards: 70\r\nFrom: {from_};tag=1\r\nTo: <sip:{OWN}@callwright>\r\nCall-ID: 1\r\n"
        "CSeq: 1 INVITE\r\nContact: <sip:x@203.0.113.9>\r\nDiversion: </private/ceo>\r\n"
        "P-Asserted-Identity: <sip:/private/ceo@x>\r\nX-From: /private/ceo\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}".encode()
    )
    hop = Hop("UDP", SOURCE, 5060)
    call = DialogServerSession(agent_of(), request, hop, ServerTransaction(request, hop), "")  # type: ignore[arg-type]
    account = GATEWAY_PREFIX + str(SipGateway.objects.get().pk)
    return inbound.place(call, account, OURS)[0]


@pytest.mark.parametrize(
    ("from_", "address", "name"),
    [
        ('"/private/ceo" <sip:/private/ceo@127.0.0.1>', "anonymous", "anonymous"),
        ('"Alice" <sip:alice@callwright>', "sip:alice@203.0.113.9", "Alice"),
        ("<sip:+15551230000@x>", "+15551230000", "+15551230000"),
    ],
)
def test_what_devices_and_back_ends_are_told_is_that(cast: Cast, from_: str, address: str, name: str) -> None:
    row = incoming(cast, from_)
    assert (row.from_address, row.from_name) == (address, name)
    leg = fake_worker.leg_of(row.id, "caller")
    assert (leg.address, leg.name) == (address, name)
    assert {key.lower() for key in row.out_headers} == {"x-from"}  # named as a header, and nothing else
    shown = cast.rest.get(f"/api/calls/{row.id}").json()
    assert shown["from"] == address


def test_a_desk_phone_shows_a_caller_from_elsewhere_as_from_there(cast: Cast) -> None:
    row = incoming(cast, "<sip:bob@evil.example>")
    leg = models.Leg.objects.get(call=row, role="callee")
    user, _ = shown_caller(row, leg)
    wanted = OutboundAttempt("", "", "", "", "", "device", "", "", {}, {}, user, "", ())
    assert address(shown_inside(wanted), "callwright") == "<sip:bob@evil.example>"
    assert shown_outside(wanted, SipGateway()) == "bob"
    assert address("x@[2001:db8::1]:5070", "callwright") == "<sip:x@[2001:db8::1]:5070>"
    assert address('x@ev"il>\r\nX: y', "callwright") == "<sip:x@evilX:y>"
    number = OutboundAttempt("", "", "", "", "", "device", "", "", {}, {}, "46701234567@evil.example", "", ())
    assert shown_inside(number) == shown_outside(number, None) == "anonymous"


@pytest.mark.parametrize(
    ("from_", "shown"),
    [
        ("<sip:+15551230000@far.test>", "<sip:+15551230000@callwright>"),
        ('"Carol" <sip:+15551230000@far.test>', '"Carol" <sip:+15551230000@callwright>'),
        ("<sip:anonymous@anonymous.invalid>", "<sip:anonymous@callwright>"),
    ],
)
def test_a_desk_phone_shows_the_number_that_it_can_call_back(cast: Cast, from_: str, shown: str) -> None:
    row = incoming(cast, from_)
    contact = {"uri": "sip:x@192.0.2.1", "hop": ["UDP", "192.0.2.1", 5060, ""]}
    user, name = shown_caller(row, models.Leg.objects.get(call=row, role="callee"))
    wanted = OutboundAttempt("", "", "", "", "", "device", "", "", {}, contact, user, name, ())
    (way,) = routes_to(wanted, "callwright")
    assert way.from_.removeprefix(f'"{user}" ') == shown


def test_a_desk_phone_shows_a_long_extension(cast: Cast) -> None:
    cast.alice.subscriber.extension = "1234567890"
    cast.alice.subscriber.save()
    row = models.Call.objects.get(pk=fake_worker.ringing(cast))
    user, _ = shown_caller(row, models.Leg.objects.get(call=row, role="callee"))
    wanted = OutboundAttempt("", "", "", "", "", "device", "", "", {}, {}, user, "", ())
    assert shown_inside(wanted) == "1234567890" and shown_outside(wanted, None) == "anonymous"


@pytest.mark.parametrize("text", ["/private/../ceo", "\uff0fprivate/ceo", "x", "<sip:a@b>", "//ceo"])
def test_a_back_ends_from_is_well_formed_too(cast: Cast, text: str) -> None:
    with pytest.raises(MalformedDestination):
        parse_destination(text)
    body = {"to": "/private/bob", "from": text, "script": fake_worker.SCRIPT}
    assert rest_client.error_of(cast.rest.post("/api/calls", body), 422)["attribute"] == "from"


def test_a_guests_from_is_its_own(cast: Cast) -> None:
    wish = DialRequest(to="/private/bob", from_="/private/alice", sdp=fake_worker.SDP)
    call = dial.place(cast.gus.holder, wish)
    assert call.from_address == cast.gus.address
