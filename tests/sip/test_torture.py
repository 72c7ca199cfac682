"""RFC 4475's messages, and what chance makes of them: parsed as meant, or refused, never anything else."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable

import pytest
from sipmessage import Request, Response

from calling.sdp import model, validate
from calling.sdp.validate import BadSdp
from calling.sip.stack.digest import DigestServer
from calling.sip.stack.headers import parse_address, parse_addresses, parse_via, split_uri_headers, uri_text
from calling.sip.stack.messages import stamp_via, stateless_reply, tag_of_loosely, unsupported
from calling.sip.stack.parser import BadSipMessage, parse, refusal
from calling.sip.stack.registrar import Change, Registered, wanted
from calling.sip.stack.server_transaction import server_key
from calling.sip.stack.stream_parser import StreamFramer
from calling.sip.stack.transaction import Hop
from calling.sip.ua.session import sdp_of
from tests.fuzz.mutate import mutated
from tests.sip.torture import VALID
from tests.sip.torture_invalid import INVALID, INVALID_RESPONSES, OTHER

HOP = Hop("UDP", "192.0.2.9", 5060)
MOST_SECONDS = 1.0  # of processor time for one message
EVERY = {**VALID, **{name: data for name, (data, _) in INVALID.items()}, **INVALID_RESPONSES, **OTHER}


def asked(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def test_all_49_messages_are_here() -> None:
    assert len(EVERY) == 49


@pytest.mark.parametrize("name", [*VALID, *OTHER])
def test_a_valid_message_parses(name: str) -> None:
    assert parse(EVERY[name]).headers["Call-ID"]


@pytest.mark.parametrize("name", list(INVALID))
def test_an_invalid_request_is_refused_with_its_status(name: str) -> None:
    data, status = INVALID[name]
    with pytest.raises(BadSipMessage) as refused:
        parse(data)
    assert refused.value.status == status


@pytest.mark.parametrize("name", list(INVALID_RESPONSES))
def test_an_invalid_response_is_dropped_without_an_answer(name: str) -> None:
    with pytest.raises(BadSipMessage) as refused:
        parse(INVALID_RESPONSES[name])
    assert refused.value.reply == ()


def test_white_space_folding_and_compact_names_mean_what_they_say() -> None:
    message = asked(VALID["wsinv"])
    to, sender = parse_address(message.headers["To"]), parse_address(message.headers["From"])
    assert (to.uri.user, to.parameters["tag"]) == ("vivekg", "1918181833n")
    assert (sender.name, sender.parameters["tag"]) == ('J Rosenberg \\"', "98asjd8")
    vias = [parse_via(via) for via in message.headers.getlist("Via")]
    assert [(via.transport, via.host) for via in vias] == [
        ("UDP", "192.0.2.2"), ("TCP", "spindle.example.com"), ("UDP", "192.168.255.111")]  # fmt: skip
    assert vias[2].parameters["branch"] == "z9hG4bK30239"
    assert message.cseq.sequence == 9 and int(message.headers["Max-Forwards"]) == 68
    contact = parse_addresses(message.headers.getlist("Contact"))[0]
    assert contact.name == 'Quoted string ""'
    assert (contact.parameters["newparam"], contact.parameters["q"]) == ("newvalue", "0.33")
    assert message.headers["NewFangledHeader"] == "newfangled value continued newfangled value"
    assert len(message.body) == 150


def test_every_legal_character_is_kept() -> None:
    message = asked(VALID["intmeth"])
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert parse_address(message.headers["From"]).parameters["tag"] == "_token~1'+`*%!-."
    assert message.headers["extensionHeader-!.%*+_`'~"].endswith("大停電")
    assert "\x00" not in message.headers["To"] and "\x07" not in message.headers["To"]


def test_escaped_octets_are_decoded_only_inside_uris() -> None:
    message = asked(VALID["esc01"])
    assert (message.uri.user, message.uri.host) == ("sips:user@example.com", "example.net")
    contact = parse_address(message.headers["Contact"])
    assert contact.uri.user == "caller" and "lr" in contact.uri.parameters
    assert contact.uri.parameters["name"] == "value%41"
    other = asked(VALID["esc02"])
    assert other.method == "RE%47IST%45R" and len(other.headers.getlist("Contact")) == 2


def test_the_request_behind_the_first_one_is_not_read() -> None:
    message = asked(VALID["dblreq"])
    assert message.method == "REGISTER" and message.body == b""


def test_a_semicolon_in_the_user_part_is_part_of_the_user() -> None:
    assert asked(VALID["semiuri"]).uri.user == "user;par=u@example.net"


def test_a_reason_phrase_may_be_anything_or_empty() -> None:
    one, two = parse(VALID["unreason"]), parse(VALID["noreason"])
    assert isinstance(one, Response) and isinstance(two, Response)
    assert (one.code, two.code, two.phrase) == (200, 100, "")
    assert one.phrase.startswith("= 2**3 * 5**2")


def test_a_multipart_body_keeps_its_octets() -> None:
    assert b"\x00\x82\xff\x30" in asked(VALID["mpart01"]).body


def test_the_long_request_has_all_its_35_hops() -> None:
    assert len(asked(VALID["longreq"]).headers.getlist("Via")) == 35


def test_an_empty_magic_branch_is_matched_the_old_way() -> None:
    assert server_key(asked(OTHER["badbranch"]))[0].startswith("badbranch")


def test_required_extensions_nobody_knows_are_named() -> None:
    assert unsupported(asked(OTHER["bext01"])) == ["nothingSupportsThis", "nothingSupportsThisEither"]


def test_a_body_of_another_type_is_no_session() -> None:
    assert sdp_of(asked(OTHER["invut"])) is None


def test_credentials_of_an_unknown_scheme_are_none() -> None:
    assert DigestServer("example.com").credentials(asked(OTHER["regaut01"])) is None


def test_contact_parameters_belong_to_the_header_or_the_uri_by_the_brackets() -> None:
    for name, kept in (("cparam01", "sip:+19725552222@gw1.example.net"),
                       ("cparam02", "sip:+19725552222@gw1.example.net;unknownparam")):  # fmt: skip
        change = wanted(asked(OTHER[name]), HOP)
        assert isinstance(change, Change) and change.keep[0].contact == kept


def test_a_contact_of_a_foreign_scheme_is_not_registered() -> None:
    assert wanted(asked(OTHER["unksm2"]), HOP) == Registered(400)


def test_an_escaped_route_stays_inside_its_contact() -> None:
    message = asked(OTHER["regescrt"])
    assert not message.headers.getlist("Route")
    assert split_uri_headers(uri_text(message.headers["Contact"]))[1] == {"route": "<sip:sip.example.com>"}


def test_a_message_of_1999_is_understood() -> None:
    message = asked(OTHER["inv2543"])
    assert message.body.startswith(b"v=0") and tag_of_loosely(message.headers["From"]) is None


def read_all(message: Request | Response) -> None:
    """What the agent does to every message before it knows the sender; only ValueError may come out."""
    tag_of_loosely(message.headers["From"])
    tag_of_loosely(message.headers["To"])
    assert message.cseq.sequence >= 0
    bytes(message)
    if isinstance(message, Request):
        server_key(message)
        stamp_via(message, HOP.host, HOP.port)
        unsupported(message)
        fields = DigestServer("example.com").credentials(message)
        if fields is not None:
            DigestServer("example.com").verify(message, fields, None, 0.0)
        if message.method == "REGISTER":
            wanted(message, HOP)
    text = sdp_of(message)
    if text:
        with contextlib.suppress(BadSdp):
            model.read(validate.admit(text, plain=True))


@pytest.mark.parametrize("text", ["a" * 250 + "!", "a." * 120 + "!", "a-" * 120 + "!", "1" * 250 + "!"])
@pytest.mark.parametrize("form", ["sip:x@{}", "sip:{}", "sip:{}@h", "tel:{}", "sip:x@h;{}", "<sip:{}>"])
def test_no_long_address_takes_long_to_refuse(form: str, text: str) -> None:
    began = time.thread_time()
    with contextlib.suppress(ValueError):
        parse_address(form.replace("{}", text))
    assert time.thread_time() - began < 0.2


@pytest.mark.family
def test_no_accident_makes_another_exception(seed: int, figure: Callable[[int, int], int]) -> None:
    chance = random.Random(seed)
    seeds = list(EVERY.values())
    taken = refused = 0
    longest = 0.0
    for number in range(figure(2_000, 100_000)):
        data = mutated(chance, chance.choice(seeds), seeds)
        began = time.thread_time()
        try:
            message = parse(data)
        except BadSipMessage as error:
            refused += 1
            assert 400 <= error.status <= 599, (number, data)
            line, _, _ = stateless_reply(error.reply, error.status, error.reason).partition(b"\r\n")
            assert b"\n" not in line and b"\r" not in line
            continue
        taken += 1
        try:
            read_all(message)
        except Exception as error:
            raise AssertionError(f"seed {seed}, message {number}: {error!r} for {data!r}") from error
        again = parse(bytes(message))
        assert type(again) is type(message)
        longest = max(longest, time.thread_time() - began)
        assert longest < MOST_SECONDS, f"seed {seed}, message {number} took {longest:.2f} s: {data!r}"
    print(f"{taken} taken, {refused} refused, 0 other exceptions; the longest took {1000 * longest:.0f} ms")
    assert taken and refused


@pytest.mark.family
def test_a_stream_of_accidents_is_cut_or_closed(seed: int, figure: Callable[[int, int], int]) -> None:
    chance = random.Random(seed)
    seeds = list(EVERY.values())
    for _ in range(figure(500, 20_000)):
        framer = StreamFramer()
        data = mutated(chance, chance.choice(seeds), seeds)
        while data:
            size = chance.randint(1, 400)
            framer.feed(data[:size])
            data = data[size:]
        if (fault := framer.fault) is not None:
            assert refusal(fault.head, fault.status, "x").status in (400, 513)
