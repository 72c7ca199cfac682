"""Addresses and parameters are parsed: what stands in quotes is a value, whatever it looks like."""

from __future__ import annotations

import asyncio

import pytest
from sipmessage import Request, Response

from calling.sip.edge.mapping import called_users
from calling.sip.stack.authentication import user_of
from calling.sip.stack.dialog import Dialog, exact_uri
from calling.sip.stack.events import Answered, Progress, Referred, SessionFailed
from calling.sip.stack.headers import (
    first_of,
    parse_address,
    split_list,
    split_uri_headers,
    tokens_of,
    uri_text,
)
from calling.sip.stack.messages import make_request, make_response, stamp_via, tag_of_loosely
from calling.sip.stack.parser import parse
from calling.sip.stack.registrar import Change, Registered, answer, wanted
from calling.sip.stack.session_timer import interval
from calling.sip.stack.transaction import Hop
from calling.sip.ua.registration import Registration
from calling.sip.ua.user_agent import UserAgent
from tests.sip.conftest import SDP, MakeAgent, next_notice, port_of

HOP = Hop("TCP", "192.0.2.7", 5062)
TARGET = "sip:bob@192.0.2.7:5062;transport=tcp"
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000B82566BBB>"'
ADDRESSES = [
    f"<{TARGET}>;reg-id=1;{INSTANCE}",
    f"<{TARGET}>;{INSTANCE};reg-id=1",
    f'<{TARGET}>;x="a<b"',
    f'<{TARGET}>;x="a<b";y="c>d"',
    f'<{TARGET}>;x="<sip:mallory@203.0.113.9>"',
    f'<{TARGET}>;x="a,b;c=\\"<d>\\""',
    f'"Bob <the builder>" <{TARGET}>',
    f'"Bob, \\"<b>\\"; of <sip:mallory@203.0.113.9>" <{TARGET}>;{INSTANCE}',
    f'"\\\\" <{TARGET}>;x="\\\\"',
    f'"19\\" <rack>, two" <{TARGET}>',
    f'<{TARGET}>;x="19\\" <rack>, two"',
    f"Bob Builder <{TARGET}>",
    f"<  {TARGET} >;x",
    f"<{TARGET.replace('sip:', 'SIP:', 1)}>",
]


def request(
    method: str, *headers: tuple[str, str], from_: str = "<sip:a@h>;tag=1", to: str = "<sip:a@h>"
) -> Request:
    return make_request(
        method, exact_uri("sip:x.test"), from_=from_, to=to, call_id="1", sequence=7, extra=headers
    )


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_the_uri_in_its_brackets_for_every_reader(text: str) -> None:
    assert uri_text(text).lower() == TARGET.lower() and parse_address(text).uri.user == "bob"
    change = wanted(request("REGISTER", ("Contact", text)), HOP)
    assert isinstance(change, Change) and change.keep[0].contact.lower() == TARGET.lower()
    dialog = Dialog.of_callee(request("INVITE", ("Contact", text)), "l", "<sip:us>")
    assert dialog.remote_target.lower() == TARGET.lower()
    dialog = Dialog("1", "l", "r", "<sip:a@x>", "<sip:b@x>", "sip:old@x", "<sip:a@x>", 1, route_set=[])
    dialog.refresh_target(request("UPDATE", ("Contact", text)))
    assert dialog.remote_target.lower() == TARGET.lower()
    asked = request("INVITE")
    dialog = Dialog.of_caller(
        asked, make_response(asked, 200, to_tag="t", extra=[("Contact", text)]), "<sip:us>"
    )
    assert dialog.remote_target.lower() == TARGET.lower()
    dialog.route_set = [text]
    assert dialog.first_uri.lower() == TARGET.lower()


@pytest.mark.parametrize("text", ADDRESSES)
def test_from_and_to_keep_all_but_their_tag(text: str) -> None:
    invite = request("INVITE", ("Contact", "<sip:a@h>"), from_=f"{text};tag=far", to=text)
    assert user_of(invite) == "bob" and called_users(invite)[-1] == "bob"
    dialog = Dialog.of_callee(invite, "l", "<sip:us>")
    assert dialog.remote_tag == "far" and "tag=far" not in dialog.remote_address
    bye = dialog.request("BYE")
    assert tag_of_loosely(bye.headers["To"]) == "far" and tag_of_loosely(bye.headers["From"]) == "l"
    assert parse_address(bye.headers["To"]).uri == parse_address(text).uri
    assert parse_address(bye.headers["To"]).name == parse_address(text).name


def test_a_tag_in_quotes_is_none() -> None:
    assert tag_of_loosely('"x;tag=evil" <sip:a@h>;y=";tag=evil";tag=good') == "good"
    assert tag_of_loosely('"x;tag=evil" <urn:service:sos>;y=";tag=evil";tag=good') == "good"
    assert tag_of_loosely('"x;tag=evil" <urn:service:sos>') is None


def test_a_list_of_addresses_is_split_outside_quotes() -> None:
    assert [uri_text(each) for each in split_list([", ".join(ADDRESSES[:9])])] == [TARGET] * 9


@pytest.mark.parametrize(
    "text",
    [
        '"unbalanced <sip:a@h>',
        "<sip:a@h>>",
        "<<sip:a@h>",
        "sip:a@h <sip:b@h> x",
        '<sip:a@h>;x="',
        'x"y <sip:a@h>',
    ],
)
def test_what_is_unbalanced_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"quote|bracket|name"):
        parse_address(text)
    assert wanted(request("REGISTER", ("Contact", text)), HOP) == Registered(400)


@pytest.mark.parametrize(
    "text",
    [
        "<tel:+15551234567>", "<urn:uuid:00000000-0000-1000-8000-000B82566BBB>", "<mailto:bob@h>",
        "<sip:bob@h>, <tel:+15551234567>", "tel:+15551234567", "<sip:bob@>", "<http://h/>", "<>",
        f"<sip:bob@h;x={'y' * 1100}>",
    ],
)  # fmt: skip
def test_a_contact_that_can_never_be_called_is_400(text: str) -> None:
    assert wanted(request("REGISTER", ("Contact", text)), HOP) == Registered(400)
    with pytest.raises(ValueError, match=r"."):
        Dialog.of_callee(request("INVITE", ("Contact", text)), "l", "<sip:us>")
    dialog = Dialog("1", "l", "r", "<sip:a@x>", "<sip:b@x>", "sip:old@x", "<sip:a@x>", 1)
    dialog.refresh_target(request("INVITE", ("Contact", text)))
    assert dialog.remote_target == "sip:old@x"


def test_an_answer_with_a_contact_of_no_use_goes_on_at_the_place_that_was_called() -> None:
    asked = request("INVITE")
    accepted = make_response(asked, 200, to_tag="t", extra=[("Contact", "<tel:+15551234567>")])
    assert Dialog.of_caller(asked, accepted, "<sip:us>").remote_target == "sip:x.test"


def test_a_registrar_says_how_long_for_our_own_contact() -> None:
    own = "<sip:u@192.0.2.1:5060>"
    said = [f'"a, <b>" <sip:u@192.0.2.1:5060>;{INSTANCE};expires=77, <sip:u@192.0.2.2>;expires=5']
    response = Response(200, "OK")
    response.headers.setlist("Contact", said)
    assert Registration._granted(response, own, 600) == 77
    assert answer(list(wanted(request("REGISTER", ("Contact", ADDRESSES[0])), HOP).keep)).headers == (  # type: ignore[union-attr]
        ("Contact", f"<{TARGET}>;reg-id=1;{INSTANCE};expires=3600"),
    )


def test_parameters_and_options_are_read_by_name() -> None:
    assert tokens_of(["x100rel, Timer", " replaces ,,"]) == {"x100rel", "timer", "replaces"}
    asked = request("INVITE", ("Session-Expires", '1800;x=";refresher=uac";norefresher=1;refresher = UAS'))
    assert interval(asked, "Session-Expires") == (1800, "uas")
    assert first_of('refer;x="id=9";id=7;=;y=') == ("refer", {"x": "id=9", "id": "7", "y": None})


def test_a_replaces_with_an_at_sign_is_still_a_header_of_the_uri() -> None:
    for replaces in ("12@h%3Bto-tag%3Da%3Bfrom-tag%3Db", "12%40h%3bto-tag%3Da%3Bfrom-tag%3Db"):
        found = split_uri_headers(f"sip:bob@h;x=y?Replaces={replaces}&Require=replaces")
        assert found == ("sip:bob@h;x=y", {"replaces": "12@h;to-tag=a;from-tag=b", "require": "replaces"})


def test_a_via_with_quotes_is_stamped_whole() -> None:
    data = (
        'OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;x="a;received=9;b,<c";rport\r\n'
        "From: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    message = parse(data.encode())
    stamp_via(message, "192.0.2.1", 4000)  # type: ignore[arg-type]
    assert message.headers["Via"] == (
        'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;x="a;received=9;b,<c";received=192.0.2.1;rport=4000'
    )


async def dialogue(agent: MakeAgent) -> tuple[UserAgent, UserAgent]:
    async def trusted(request: object, hop: object) -> str:
        return "trunk"

    return await agent(), await agent(trunk=trusted)


async def test_a_call_is_taken_referred_and_redirected_with_quotes_in_every_address(agent: MakeAgent) -> None:
    alice, bob = await dialogue(agent)

    async def take(call):  # type: ignore[no-untyped-def]
        taken.append(call)
        await call.ring()
        await call.answer(SDP)

    taken: list = []  # type: ignore[type-arg]
    bob._reception._on_invite = take
    own = alice.contact
    alice.contact = lambda *a, **k: f'"A <x>, y" {own(*a, **k)};reg-id=1;{INSTANCE}'  # type: ignore[method-assign]
    place, names = f"sip:bob@127.0.0.1:{port_of(bob)}", f'"A, <x>" <sip:alice@h>;{INSTANCE}'
    call = alice.invite(place, SDP, from_=names, to=f'"B>" <sip:b@h>;{INSTANCE}')
    await next_notice(call, Progress)
    await next_notice(call, Answered)
    for text in (
        '<sip:tone@example.com>;x="<y>"',
        '"To, <x>" <sip:tone@example.com>',
        "sip:tone@example.com;a=b",
    ):
        asked = asyncio.ensure_future(call.ask("REFER", extra=[("Refer-To", text)]))
        notice = await next_notice(taken[0], Referred)
        assert notice.target == "sip:tone@example.com"
        await notice.decide(603)
        assert (await asked).code == 603  # type: ignore[union-attr]
    await taken[0].bye()

    async def redirect(call):  # type: ignore[no-untyped-def]
        await call.reject(302, headers=[("Contact", f"{ADDRESSES[7]}, {ADDRESSES[2]}")])

    bob._reception._on_invite = redirect
    failed = await next_notice(
        alice.invite(f"sip:b@127.0.0.1:{port_of(bob)}", SDP, from_="<sip:a@h>"), SessionFailed
    )
    assert failed.contacts == (TARGET, TARGET)
