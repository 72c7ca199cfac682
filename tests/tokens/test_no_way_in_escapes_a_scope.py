"""A token dials what its list allows and nothing else, however a destination is written, over every way in.

Proves docs/security.md#r8. The decision in bulk, held against rules written anew here; and the ways in with
their rows, where the legs that came of it are looked at.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from calling import models
from calling.commands import dial
from calling.commands.params import InvalidParams
from calling.commands.routing import DialRequest
from calling.machine.inputs import Refused
from calling.signalwire.browser import commands as browser_commands
from calling.sockets.frames import Frame
from calling.sockets.phone import commands as phone_commands
from rest.errors import ApiError
from subscribers.addressing import MalformedDestination, Target, parse_destination
from subscribers.models import PhoneNumber, Room, SipGateway
from tests.support import fake_worker
from tests.support.people import Cast, Person, address_of, make_cast, make_mallory
from tokens.authentication import subject_from_token
from tokens.claims import Grant
from tokens.issue import issue_access
from tokens.scope import refusal
from tokens.subjects import Entry, TokenHolder

pytestmark = pytest.mark.family
Figure = Callable[[int, int], int]
Json = dict[str, Any]

TESTS = ("/public/echo", "/public/tone", "/public/busy", "/public/no-answer", "+46000000000")
BOB, CAROL, LOBBY = UUID(int=11), UUID(int=12), UUID(int=13)
PLACES = {"/private/bob": BOB, "/private/carol": CAROL, "/public/lobby": LOBBY}
SHORT = {
    "101": "/private/bob",
    "102": "/private/carol",
    "+15550001": "/private/bob",
    "+15550002": "/public/lobby",
}
OUTSIDE = (
    "+15551234567",
    "+4670111",
    "+19001234567",
    "sip:carol@example.com",
    "sips:carol@example.com:5071",
    "sip:+15551234567@carrier.example",
    "/private/nobody",
    "/public/other",
    "/external/x",
    "999",
    "10",
)
WORDS = (*PLACES, *SHORT, *OUTSIDE, *TESTS)
ENTRIES = (
    Entry("address", str(BOB)),
    Entry("address", str(LOBBY)),
    Entry("address", str(UUID(int=99))),
    Entry("context", "public"),
    Entry("context", "private"),
    Entry("number", "+15551234567"),
    Entry("number", "+15550001"),
    Entry("prefix", "+1555"),
    Entry("prefix", "+46"),
    Entry("sip", "sip:carol@example.com"),
    Entry("sip_host", "sip:example.com"),
)
LOOKS = {
    "a": "а\uff41",
    "b": "\u042c\uff42",
    "o": "о0\uff4f",
    "i": "іıl",
    "c": "с\uff43",
    "1": "l\uff11١",
    "0": "O\uff10",
    "/": "∕\uff0f\\",
    "+": "\uff0b",
    ":": "\uff1a",
    "@": "\uff20",
    "s": "ſ\uff53",
    "k": "\u212a",
}
BETWEEN = (
    "",
    " ",
    "\t",
    "\r\n",
    "\x00",
    "\u200b",
    "\u202e",
    "\ufeff",
    "%20",
    "%2f",
    "%00",
    "/",
    "//",
    "/./",
    "/../",
    "..",
    ";",
    ",",
    "#",
    "?",
    "&",
    "|",
    "@",
    ":",
    "\\",
    "'",
    '"',
    "+",
    "-",
    "00",
    "011",
)
TAILS = (
    "?channel=audio",
    "?channel=video",
    "?channel=audio&to=/private/bob",
    "?Replaces=a%3Bto-tag%3Db",
    "?x",
    ";transport=tcp",
    ";phone-context=+1",
    "?channel=audio&channel=video",
    "?channel=other",
    ":5060",
    ":5061",
)
HEADS = ("sip:", "sips:", "SIP:", "tel:", "https://", "data:", "//", "/", "+", "00", " ", "<", "{", "sip:x@")


def spelled(rng: random.Random) -> str:
    """A destination somebody may try: one that exists, bent none to four times."""
    text = rng.choice(WORDS)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(10):
            case 0:
                text = "".join(rng.choice((each.upper(), each)) for each in text)
            case 1:
                text = text[:at] + rng.choice(BETWEEN) + text[at:]
            case 2:
                text += rng.choice(TAILS)
            case 3:
                text = rng.choice(HEADS) + text
            case 4:
                text = "".join(
                    rng.choice(LOOKS.get(each, each)) if rng.random() < 0.2 else each for each in text
                )
            case 5:
                text = text[:at] + (f"%{ord(text[at]) & 255:02x}" if at < len(text) else "") + text[at + 1 :]
            case 6:
                text = text[: max(1, at)]
            case 7:
                text += rng.choice(BETWEEN) + rng.choice(WORDS)
            case 8:
                text = text.replace(
                    "private", rng.choice(("public", "PRIVATE", "privat", "private-", "public/../private"))
                )
            case _:
                text = text[:at] + text[at + 1 :] or "/"
    return text


def led_to(text: str) -> str:
    """What the directory makes of a well-formed text: its place, or the text."""
    return SHORT.get(text, text)


def allowed(entries: tuple[Entry, ...], text: str) -> bool:
    """The rules of the contract, from the text alone."""
    path = text.partition("?")[0] if text.startswith("/") else text
    if path in TESTS:
        return True
    place = led_to(path)
    for kind, value in ((entry.kind, entry.value) for entry in entries):
        if place in PLACES:
            if (kind, value) in (("address", str(PLACES[place])), ("context", place.split("/")[1])):
                return True
        elif place.startswith("/") or re.fullmatch("[0-9]{2,10}", place, re.ASCII):
            context = place.split("/")[1] if place.startswith("/") else "private"
            if (kind, value) == ("context", context):
                return True
        elif place.startswith("+"):
            if place == value if kind == "number" else kind == "prefix" and place.startswith(value):
                return True
        elif found := re.fullmatch(
            r"(sips?):([^@]+)@([a-z0-9.-]+)(?::0*([0-9]+))?", place, re.ASCII | re.IGNORECASE
        ):
            scheme, user, host, port = found[1].lower(), found[2], found[3].lower(), found[4]
            port = "" if port in (None, {"sip": "5060", "sips": "5061"}[scheme]) else f":{port}"
            if value == (f"{scheme}:{user}@{host}{port}" if kind == "sip" else f"{scheme}:{host}{port}"):
                return True
    return False


def decided(entries: tuple[Entry, ...], text: str) -> bool:
    try:
        wish = parse_destination(text)
    except MalformedDestination:
        return False
    place = led_to(wish.text)
    target = None
    if place in PLACES:
        target = Target("subscriber", place, PLACES[place])
    elif wish.kind in ("number", "sip"):
        target = Target("pstn" if wish.kind == "number" else "sip", wish.text)
    return refusal(HOLDERS[entries], wish, target) is None


def holder(entries: tuple[Entry, ...]) -> TokenHolder:
    return TokenHolder(UUID(int=1), "guest", None, "/guest/x", uuid4(), datetime.now(UTC), entries)


class _Holders(dict[tuple[Entry, ...], TokenHolder]):
    def __missing__(self, entries: tuple[Entry, ...]) -> TokenHolder:
        return self.setdefault(entries, holder(entries))


HOLDERS = _Holders()


def test_the_decision_lets_nothing_through_that_the_rules_do_not(
    seed: int, figure: Figure, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, tries, let_in = random.Random(seed), figure(4_000, 1_000_000), 0
    lists = [()] + [tuple(rng.sample(ENTRIES, rng.randint(1, 3))) for _ in range(60)]
    for _ in range(tries):
        entries, text = rng.choice(lists), spelled(rng)
        found = decided(entries, text)
        assert not found or allowed(entries, text), (entries, text)
        let_in += found
    for entries in lists:  # and nothing is refused that the rules allow
        for text in WORDS:
            assert decided(entries, text) is (allowed(entries, text) and text != ""), (entries, text)
    assert let_in > tries // 100, "the tries are near enough to get in"
    with capsys.disabled():
        print(f"\n{tries} decisions, {let_in} let in, 0 escapes", end="")


# --- the ways in ---------------------------------------------------------------------------------------


def by_rest(who: Person, text: str) -> None:
    answer = who.rest.post("/api/calls", {"to": text, "sdp": fake_worker.SDP})
    assert answer.status_code < 500, answer.content


def by_device(who: Person, text: str) -> None:
    frame = Frame(
        "call.create", {"type": "call.create", "destination": text, "sdp": fake_worker.SDP}, 1, None
    )
    phone_commands.make(who.holder, frame, str(uuid4()))


def by_sip(who: Person, text: str) -> None:
    dial.place(who.holder, DialRequest(text, sdp=fake_worker.SDP, device_kind="sip"))


def by_browser_sdk(who: Person, text: str) -> None:
    fields: Json = {"dialogParams": {"destination_number": text}, "sdp": fake_worker.SDP}
    device = str(fake_worker.online(who)) if who.subscriber is not None else str(uuid4())
    browser_commands.dial(who.holder, device, "c1", fields, {})


WAYS = (by_rest, by_device, by_sip, by_browser_sdk)


@pytest.fixture
def cast(db: None, settings: Any) -> Cast:
    settings.CALLWRIGHT_DIALS_PER_SECOND = settings.CALLWRIGHT_DIALS_BURST = 1_000_000
    cast = make_cast()
    for name, extension in (("bob", "101"), ("carol", "102")):
        row = cast.people[name].subscriber
        assert row is not None
        row.extension = extension
        row.save()
    Room.objects.create(project=cast.project, name="lobby")
    PhoneNumber.objects.create(
        project=cast.project, number="+15550001", address=address_of(cast.bob.subscriber)
    )
    SipGateway.objects.create(project=cast.project, name="t", host="203.0.113.9", prefixes=["+"])
    make_mallory()
    return cast


def people_of(cast: Cast) -> list[tuple[Person, frozenset[str]]]:
    """Holders of each kind, and what their calls may lead to besides the test destinations."""
    only_bob = (Entry("address", str(address_of(cast.bob.subscriber).pk)),)
    found = []
    alice = cast.alice.subscriber
    assert alice is not None
    for kind in ("guest", "embed", "invite", "subscriber"):
        owner = (alice.pk, alice.address) if kind == "subscriber" else (None, "")
        for entries, places in ((only_bob, {"/private/bob"}), ((), set())):
            token = issue_access(Grant(cast.project.pk, kind, *owner, entries, "X"))
            row = alice if kind == "subscriber" else None
            person = Person("x", cast.project, token, subject_from_token(token), row)
            found.append((person, frozenset(places)))
    return found


def test_no_way_in_leads_a_call_where_its_token_does_not(
    cast: Cast, seed: int, figure: Figure, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, tries, made = random.Random(seed), figure(120, 3_000), 0
    people, ways = people_of(cast), WAYS
    for number in range(tries):
        (who, places), way = rng.choice(people), ways[number % len(ways)]
        text = spelled(rng) if number % 8 else rng.choice(WORDS)
        with contextlib.suppress(ApiError, InvalidParams, Refused):
            way(who, text)
        legs = models.Leg.objects.exclude(role="caller").values_list("address", flat=True)
        led = {address.partition("?")[0] for address in legs}
        assert led <= places | set(TESTS), (way.__name__, who.holder.kind, text, led)
        if led:
            made += 1
            models.Call.objects.all().delete()
    with capsys.disabled():
        print(f"\n{tries} tries over {len(ways)} ways in, {made} calls, 0 escapes", end="")
    assert made, "some of the tries are allowed"
