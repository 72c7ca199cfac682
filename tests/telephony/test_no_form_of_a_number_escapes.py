"""20,000 ways to write numbers that are not allowed, by every way to dial: none leaves for a trunk.

Proves docs/security.md#r9.

What would be sent is judged as the most forgiving trunk would dial it: digits alone, international prefixes
taken off. So it does not matter which form slipped through.
"""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from calling import models
from calling.commands import dial, routing, suspension, transfers
from calling.commands.routing import DialRequest
from calling.machine.inputs import Refused
from calling.sip.edge.mapping import destinations_of
from calling.sip.edge.routes import through
from calling.sip.edge.rows import OutboundAttempt
from calling.telephony.gateways import by_priority
from rest.errors import ApiError
from subscribers.models import SipGateway
from tests.support import fake_worker, people
from tests.support.people import Cast
from tests.telephony.conftest import OWN, policy
from tokens.subjects import ApiKey, Entry

pytestmark = pytest.mark.family

# Of countries off the list, of the lists of risk, premium rate, satellites; and calls for help.
DENIED = (
    "5351234567", "18761234567", "19005551234", "252612345678", "881612345678", "46939123456", "447911123456",
    "33612345678", "979123456", "37190123456", "2203012345", "1900555123",
)  # fmt: skip
HELP = ("112", "911", "46112", "1911")
ALLOWED = ("+15551234567", "+46701234567")
LOOKALIKES = ("０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⓪①②③④⑤⑥⑦⑧⑨")
HOSTS = (
    "203.0.113.9", "trunk.example.org", "203.0.113.9:5060", "[2001:db8::9]", "callwright",
    "TRUNK.example.org",
)  # fmt: skip
TAILS = (
    "", ";ext=5", ";phone-context=+1", ";user=phone", ",,123#", "p5", "w55", "#", "*31#", "?X-A=1",
    "%0d%0aX-A:1",
    "\r\nTo: x", "\x00", ";npdi", "@203.0.113.9", ">", " ", "&", ";phone-context=example.com",
)  # fmt: skip


def spread(rng: random.Random, digits: str) -> str:
    """Separators, spaces and invisible characters between the digits."""
    marks = ["", "", "", "-", ".", " ", "(", ")", "/", "\u200b", "\u00ad", "~", "_", "!"]
    return "".join(digit + (rng.choice(marks) if rng.random() < 0.2 else "") for digit in digits)


def written(rng: random.Random, digits: str) -> str:
    if rng.random() < 0.15:
        other = rng.choice(LOOKALIKES)
        chance = rng.choice([0.1, 1.0])
        digits = "".join(other[int(each)] if rng.random() < chance else each for each in digits)
    if rng.random() < 0.1:
        digits = "".join(rng.choice([f"%{ord(each):02x}", each]) for each in digits)
    return spread(rng, digits) if rng.random() < 0.3 else digits


def form(rng: random.Random) -> str:
    """One way to write a denied number as a destination."""
    before = rng.choice(
        ["+", "+", "+", "00", "011", "", "++", "+00", "+011", "*31#", "#31#", "*67", "0", "＋", " +", "+ ",
         "9", "+0", "+1011"]
    )  # fmt: skip
    text = before + written(rng, rng.choice(DENIED + HELP))
    text += rng.choice(TAILS) if rng.random() < 0.4 else ""
    match rng.randrange(8):
        case 0 | 1:
            return text
        case 2:
            return f"tel:{text}"
        case 3:
            scheme = rng.choice(["sip:", "sips:", "SIP:", "sIp:", "sip://", "<sip:"])
            return f"{scheme}{text}@{rng.choice(HOSTS)}"
        case 4:
            more = rng.choice([";user=phone", ":x", "%40h"])
            return f"sip:{text}{more}@{rng.choice(HOSTS)}{rng.choice(TAILS)}"
        case 5:
            return f"sip:{rng.choice(ALLOWED)};{text}@{rng.choice(HOSTS)}"
        case 6:
            return f"{rng.choice(ALLOWED)}{rng.choice([',', ';', ' ', '&', chr(10), '/'])}{text}"
        case _:
            return f"/private/{text}"


def dialled_by_a_trunk(uri: str) -> str:
    user = uri.partition(":")[2].rpartition("@")[0]
    digits = re.sub(r"[^0-9]", "", user.split(";")[0])
    return re.sub(r"^(00|011)", "", digits)


def escaped(sent: str) -> bool:
    return sent in HELP[:2] or any(sent.startswith(digits) for digits in DENIED)


class Ways:
    """Every way in which a text may become an INVITE; each returns the URIs that would be sent."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        everything = (Entry("prefix", "+"), Entry("context", "private"), *sip_hosts())
        self.holder = people.subscriber(cast.project, "dave", None, everything).holder
        self.call_id = fake_worker.talking(cast)
        self.leg_id = fake_worker.leg_of(self.call_id, "caller").id

    def sent(self, way: str, text: str) -> list[str]:
        before = set(models.PhoneCharge.objects.values_list("pk", flat=True))
        try:
            match way:
                case "key":
                    dial.place(self.cast.key, DialRequest(to=text, from_=OWN, script=fake_worker.SCRIPT))
                case "connect":
                    dial.place(self.cast.key, DialRequest(to="/private/bob", from_=OWN, connect=text))
                case "token":
                    dial.place(self.holder, DialRequest(to=text, sdp=fake_worker.SDP))
                case "transfer":
                    transfers.transfer(self.holder, self.call_id, self.leg_id, text)
                case "phone":
                    for wish in destinations_of(text, ("callwright",)):
                        routing.resolve(self.holder, wish)
                        dial.place(self.holder, DialRequest(to=wish, sdp=fake_worker.SDP))
        except (ApiError, Refused):
            pass
        new = models.PhoneCharge.objects.exclude(pk__in=before).values_list("pk", flat=True)
        return [uri for leg_id in new for uri in uris(leg_id)]

    def over(self) -> None:
        for call in models.Call.objects.exclude(state="ended").exclude(pk=self.call_id):
            self.cast.rest.post(f"/api/calls/{call.pk}/hangup")


def sip_hosts() -> list[Entry]:
    names = ("203.0.113.9", "trunk.example.org", "[2001:db8::9]", "callwright")
    return [Entry("sip_host", f"{scheme}:{name}") for scheme in ("sip", "sips") for name in names]


def uris(leg_id: Any) -> list[str]:
    """The Request-URIs that the SIP edge would send for a leg."""
    leg = models.Leg.objects.filter(pk=leg_id).first()
    if leg is None:  # the leg of a dial's `connect`, not rung yet
        call = models.Call.objects.exclude(connect=[]).latest("id")
        address, route = call.connect[0]["address"], call.connect[0]["route"]
    else:
        address, route = leg.address, leg.route
    wanted = OutboundAttempt("", "", "", "", "", "sip", "", address, route, {}, "x", "", ())
    gateways = by_priority(SipGateway.objects.filter(pk__in=route.get("gateways", [])))
    return [through(each, wanted, "callwright").uri for each in gateways] or [address]


def test_no_form_of_a_denied_number_reaches_a_trunk(cast: Cast, seed: int, figure: Any) -> None:
    rng = random.Random(seed)
    policy(cast, countries=["US", "SE"], concurrent=None, per_minute=None, refusals=0)
    ways = Ways(cast)
    assert isinstance(cast.key, ApiKey)
    tried = sent = 0
    for number in range(figure(800, 20_000)):
        way = rng.choice(["key", "connect", "token", "transfer", "phone"])
        text = form(rng)
        for uri in ways.sent(way, text):
            sent += 1
            assert not escaped(dialled_by_a_trunk(uri)), (way, text, uri)
        tried += 1
        if number % 200 == 199:
            ways.over()
    for text in ALLOWED:  # the way is open for what may be dialled
        assert ways.sent("key", text) == [f"sip:{text}@203.0.113.9:5060"]
    print(f"{tried} forms, {sent} sent to a trunk, 0 of them denied")
    assert not suspension.Project.objects.get(pk=cast.project.id).suspended_at
