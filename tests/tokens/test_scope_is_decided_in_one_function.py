"""`tokens.scope.refusal` over the families of ways to reach what a token does not allow.

Proves docs/security.md#r8.

A seeded sample by default; CALLWRIGHT_SOAK=1 runs the full figure.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from subscribers.addressing import Destination, MalformedDestination, Target, parse_destination
from tokens.scope import refusal
from tokens.subjects import ApiKey, Entry, TokenHolder

FAMILY = settings(
    max_examples=100_000 if os.environ.get("CALLWRIGHT_SOAK") == "1" else 400,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
PROJECT = UUID(int=1)
BOB, ALICE, ROOM = UUID(int=11), UUID(int=12), UUID(int=13)
# A directory as the resolver would see it: text to target.
DIRECTORY = {
    "/private/bob": Target("subscriber", "/private/bob", BOB),
    "/private/alice": Target("subscriber", "/private/alice", ALICE),
    "/public/room": Target("room", "/public/room", ROOM),
    "101": Target("subscriber", "/private/bob", BOB),
    "+15550001": Target("subscriber", "/private/bob", BOB, number="+15550001"),
}


def holder(allowed: tuple[Entry, ...] | None, kind: str = "subscriber") -> TokenHolder:
    return TokenHolder(
        PROJECT,
        kind,
        ALICE,
        "/private/alice",
        uuid4(),
        datetime.now(UTC),
        allowed,  # type: ignore[arg-type]
    )


def resolve(destination: Destination) -> Target | None:
    if destination.kind == "number":
        plain = Target("pstn", destination.text, number=destination.text)
        return DIRECTORY.get(destination.text, plain)
    if destination.kind == "sip":
        return Target("sip", destination.text)
    return DIRECTORY.get(destination.text)


def may(subject: TokenHolder | ApiKey, text: object) -> bool:
    try:
        destination = parse_destination(text)
    except MalformedDestination:
        return False
    return refusal(subject, destination, resolve(destination)) is None


ONLY_ROOM = (Entry("address", str(ROOM)),)


@pytest.mark.parametrize(
    ("allowed", "text", "answer"),
    [
        (None, "/private/bob", True),
        (None, "/public/room", True),
        (None, "101", True),
        (None, "+15550001", True),
        (None, "/private/nobody", True),
        (None, "999", True),
        (None, "+15559999", False),
        (None, "sip:bob@example.com", False),
        (None, "/external/x", False),
        ((), "/private/bob", False),
        ((), "/private/nobody", False),
        ((), "/public/echo", True),
        ((), "+46000000000", True),
        (ONLY_ROOM, "/public/room", True),
        (ONLY_ROOM, "/public/other", False),
        (ONLY_ROOM, "101", False),
        ((Entry("address", str(BOB)),), "101", True),
        ((Entry("address", str(BOB)),), "+15550001", True),
        ((Entry("context", "private"),), "/public/room", False),
        ((Entry("context", "private"),), "101", True),
        ((Entry("number", "+15559999"),), "+15559999", True),
        ((Entry("number", "+15559999"),), "+155599990", False),
        ((Entry("prefix", "+1555"),), "+15559999", True),
        ((Entry("prefix", "+1555"),), "+1556", False),
        ((Entry("prefix", "+1"),), "/private/bob", False),
        ((Entry("sip", "sip:bob@example.com"),), "sip:bob@EXAMPLE.com:5060", True),
        ((Entry("sip", "sip:bob@example.com"),), "sip:BOB@example.com", False),
        ((Entry("sip_host", "sip:example.com"),), "sip:anyone@example.com", True),
        ((Entry("sip_host", "sip:example.com"),), "sip:x@example.com.evil.org", False),
        ((Entry("sip_host", "sip:example.com"),), "sip:x@example.com:5090", False),
        ((Entry("sip_host", "sip:example.com"),), "sips:x@example.com", False),
    ],
)
def test_the_rules_of_the_contract(allowed: tuple[Entry, ...] | None, text: str, answer: bool) -> None:
    assert may(holder(allowed), text) is answer


def test_a_key_may_dial_all_and_other_tokens_without_a_list_nothing() -> None:
    assert may(ApiKey(PROJECT), "+15559999") and may(ApiKey(PROJECT), "sip:a@b.example")
    for kind in ("guest", "embed", "invite"):
        assert not may(holder(None, kind), "/public/room")
        assert may(holder(None, kind), "/public/echo")


def test_known_and_unknown_are_refused_alike() -> None:
    known = refusal(holder(ONLY_ROOM), parse_destination("/private/bob"), DIRECTORY["/private/bob"])
    unknown = refusal(holder(ONLY_ROOM), parse_destination("/private/nobody"), None)
    assert known == unknown is not None


def test_a_recreated_address_is_another_one() -> None:
    again = Target("subscriber", "/private/bob", uuid4())
    assert refusal(holder((Entry("address", str(BOB)),)), parse_destination("/private/bob"), again)


LOOKALIKES = {
    "a": "аɑａ",
    "b": "ЬＢƅ",
    "o": "οоｏ0",
    "i": "іｉıl",
    "c": "сϲｃ",
    "e": "еｅ",
    "/": "⁄∕／",
    "1": "１l",
}
SPACES = ["", " ", "\t", "\n", "\r\n", "\x00", "\u200b", "\ufeff", "%20", "%00"]
DECORATIONS = [*SPACES, ".", "/", "//", "/.", "/..", "/../room", ";x", "#", "?", "*", "\\", "%2f", "%252e"]
ALIASES = ["tel:", "sip:", "sips:", "client:", "/private/", "/public/../"]
WILDCARDS = ["/private/*", "/*/*", "+1*", "+*", "sip:*@example.com", "*", "/public/*"]


@st.composite
def disguises(draw: st.DrawFn) -> object:
    """A forbidden destination, made to look like something else, or something else to look allowed."""
    text = draw(st.sampled_from([*DIRECTORY, "+15559999", "sip:bob@example.com", "/public/room"]))
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(["look", "case", "percent", "double", "wrap", "alias", "wild", "type"]))
        position = draw(st.integers(0, max(0, len(text) - 1)))
        letter = text[position : position + 1]
        if way == "look" and letter in LOOKALIKES:
            text = text[:position] + draw(st.sampled_from(LOOKALIKES[letter])) + text[position + 1 :]
        elif way == "case":
            text = text.swapcase()
        elif way == "percent":
            text = text[:position] + quote(letter, safe="") + text[position + 1 :]
        elif way == "double":
            text = quote(quote(text, safe=""), safe="")
        elif way == "wrap":
            text = draw(st.sampled_from(DECORATIONS)) + text + draw(st.sampled_from(DECORATIONS))
        elif way == "alias":
            text = draw(st.sampled_from(ALIASES)) + text
        elif way == "wild":
            text = draw(st.sampled_from(WILDCARDS))
        else:
            return draw(st.sampled_from([None, 0, 101, [text], {"to": text}, True, 1.5, text.encode()]))
    return text


@seed(20261121)
@FAMILY
@given(disguises())
def test_no_disguise_reaches_more_than_the_room(text: object) -> None:
    """What a token for the room may dial is the room or a test destination, however it is written."""
    if may(holder(ONLY_ROOM, "guest"), text):
        destination = parse_destination(text)
        assert destination.test or resolve(destination) == DIRECTORY["/public/room"]


@seed(20261121)
@FAMILY
@given(disguises())
def test_no_disguise_gets_a_default_token_to_a_phone_or_sip(text: object) -> None:
    if may(holder(None), text):
        target = resolve(parse_destination(text))
        assert target is None or target.kind not in ("pstn", "sip")


@seed(20261121)
@FAMILY
@given(st.text(max_size=40))
def test_no_text_at_all_is_allowed_by_an_empty_list(text: str) -> None:
    if may(holder(()), text):
        assert parse_destination(text).test


@seed(20261121)
@FAMILY
@given(
    st.from_regex(r"\+[1-9][0-9]{0,6}", fullmatch=True), st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True)
)
def test_a_prefix_allows_exactly_the_numbers_that_begin_so(prefix: str, number: str) -> None:
    allowed = may(holder((Entry("prefix", prefix),)), number)
    own = number in DIRECTORY
    assert allowed is (number == "+46000000000" or (number.startswith(prefix) and not own))
