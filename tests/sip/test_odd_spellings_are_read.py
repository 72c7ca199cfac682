"""A message may be spelt in many ways: each of these means the same to the reader as its plain form."""

from __future__ import annotations

import pytest
from sipmessage import Request, Response

from calling.sip.stack.headers import auth_parameters, parse_via
from calling.sip.stack.messages import tag_of_loosely, unsupported
from calling.sip.stack.parser import BadSipMessage, parse
from calling.sip.stack.registrar import Change, wanted
from calling.sip.stack.session_timer import too_short
from calling.sip.stack.transaction import Hop

HEAD = [
    ("Via", "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1;rport"),
    ("Max-Forwards", "70"),
    ("From", "<sip:alice@example.com>;tag=a"),
    ("To", "<sip:bob@example.com>"),
    ("Call-ID", "x@y"),
    ("CSeq", "1 INVITE"),
    ("Contact", "<sip:alice@192.0.2.7>"),
    ("Content-Length", "0"),
]


def spelt(*more: str, first: str = "INVITE sip:bob@example.com SIP/2.0", **values: str | None) -> bytes:
    """The message with other values of headers (None: without it) and lines behind them."""
    given = {name.replace("_", "-"): value for name, value in values.items()}
    head = {**dict(HEAD), **given}
    lines = [f"{name}: {value}" for name, value in head.items() if value is not None]
    return "\r\n".join([first, *lines, *more, "", ""]).encode()


COMPACT = {
    "i": "Call-ID", "m": "Contact", "f": "From", "t": "To", "v": "Via", "l": "Content-Length",
    "k": "Supported", "r": "Refer-To", "b": "Referred-By", "o": "Event", "s": "Subject",
    "e": "Content-Encoding", "u": "Allow-Events", "a": "Accept-Contact", "j": "Reject-Contact",
    "d": "Request-Disposition", "x": "Session-Expires",
}  # fmt: skip


@pytest.mark.parametrize(("short", "name"), COMPACT.items())
@pytest.mark.parametrize("upper", [False, True])
def test_a_short_name_is_the_long_one(short: str, name: str, upper: bool) -> None:
    value = dict(HEAD).get(name, "1800;refresher=uac" if short == "x" else "word")
    line = f"{short.upper() if upper else short} \t:\t{value}"
    assert parse(spelt(line, **{name.replace("-", "_"): None})).headers.getlist(name) == [value]


LINE_ENDS = [
    spelt().replace(b"\r\n", b"\n"),
    b"\n\n" + spelt().replace(b"\r\n", b"\n"),
    b"\r\n\r\n" + spelt(),
    spelt(Content_Length=None) + b"\r\n",
    spelt(Content_Length=None),
    spelt().replace(b"CSeq: 1 INVITE", b"CSeq:\r\n 1\r\n\tINVITE"),
    spelt().replace(b"From: ", b"FROM\t: "),
    spelt(first="INVITE sip:bob@example.com sip/2.0"),
    spelt(Max_Forwards="0"),
    spelt(Max_Forwards=None),
    spelt("Require:", "Supported: path, ,Outbound,", "Privacy: id;critical", "Subject:"),
]


@pytest.mark.parametrize("data", LINE_ENDS, ids=range(len(LINE_ENDS)))
def test_line_ends_folds_and_empty_places_say_nothing(data: bytes) -> None:
    message = parse(data)
    assert isinstance(message, Request) and (message.method, message.cseq.sequence) == ("INVITE", 1)
    assert message.uri.user == "bob" and tag_of_loosely(message.headers["From"]) == "a"
    assert message.body == b"" and unsupported(message) == [] and not too_short(message)


@pytest.mark.parametrize(
    "data",
    [
        spelt().replace(b"\r\n", b"\n", 1).replace(b"\r\n\r\n", b"\n\n"),
        spelt(Content_Length=None) + b"\r\nv=0\r\n",
        spelt(first="SIPX/2.0 200 OK"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(BadSipMessage):
        parse(data)


@pytest.mark.parametrize("first", ["SIP/2.0 200 OK", "sip/2.0 200 ok", "SIP/2.0 200", "SIP/2.0 200 Ça va"])
def test_a_status_line_has_any_case_and_any_phrase_or_none(first: str) -> None:
    answer = parse(spelt(first=first, Contact=None))
    assert isinstance(answer, Response) and answer.code == 200


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<sip:a@h>;tag=1", "1"),
        ("sip:a@h;TAG=1;x=", "1"),
        ('"A, B; \\"C\\" <d>" <sip:a@h>;x="tag=2";tag=1', "1"),
        ("Alice A <SIP:a@h;lr=>;tag=1", "1"),
        ("<sip:a@h>;tag=", None),
        ("<sip:a@h>;tag=;tag=1", "1"),
        ("<tel:7042;phone-context=example.com>;tag=1", "1"),
        ("<urn:service:sos>;tag=1", "1"),
    ],
)
def test_a_tag_is_found_in_every_spelling(text: str, tag: str | None) -> None:
    assert tag_of_loosely(parse(spelt(From=text)).headers["From"]) == tag


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP h_1.example.com:5060;branch=z9hG4bK1;rport=",
        "SIP / 2.0 / udp [2001:db8::1] : 5060 ;RPORT; Branch=z9hG4bK1;received=;oc-algo=\"loss,A\"",
        "sip/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport;alias;keep;i=5;maddr=239.1.1.1;ttl=3",
    ],
)  # fmt: skip
def test_a_via_is_read_in_every_spelling(text: str) -> None:
    message = parse(spelt(Via=f"{text}, SIP/2.0/TCP p.example.com;branch=z9hG4bK2"))
    one, *others = message.headers.getlist("Via")
    via = parse_via(one)
    assert (via.transport, via.parameters["branch"], "rport" in via.parameters) == ("UDP", "z9hG4bK1", True)
    assert via.parameters["rport"] is None and len(others) == 1


@pytest.mark.parametrize(
    ("text", "kept", "dropped"),
    [
        ("sip:a@192.0.2.1;expires=90", {"sip:a@192.0.2.1": 90}, ()),
        ('<sip:a@192.0.2.1>;EXPIRES="90";Q=1', {"sip:a@192.0.2.1": 90}, ()),
        ("<sip:a@192.0.2.1>;expires=,", {"sip:a@192.0.2.1": 3600}, ()),
        ('"A, B" <sip:a@h;ob>;audio, <sip:b@[::1]:9>;expires=0', {"sip:a@h;ob": 3600}, ("sip:b@[::1]:9",)),
        ("<sips:a@h>;expires=4294967295", {"sips:a@h": 3600}, ()),
    ],
)
def test_a_contact_is_read_in_every_spelling(
    text: str, kept: dict[str, int], dropped: tuple[str, ...]
) -> None:
    request = parse(spelt(first="REGISTER sip:h SIP/2.0", CSeq="1 REGISTER", Contact=text))
    assert isinstance(request, Request)
    change = wanted(request, Hop("UDP", "192.0.2.7", 5060, ""))
    assert isinstance(change, Change)
    assert ({each.contact: each.expires for each in change.keep}, change.drop) == (kept, dropped)


@pytest.mark.parametrize(
    "text",
    [
        'Digest username="a,b", realm="r"',
        'digest USERNAME = "a\\,b" ,realm=r,',
        'Digest username="a,b", ,realm="r"',
    ],
)
def test_credentials_are_read_in_every_spelling(text: str) -> None:
    assert auth_parameters(text) == ("digest", {"username": "a,b", "realm": "r"})
