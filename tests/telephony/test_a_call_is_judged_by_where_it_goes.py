"""A SIP URI to a gateway is a call through it, however its host and user are written and whoever dials it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from calling import models
from calling.commands import dial, suspension, transfers
from calling.commands.routing import DialRequest
from calling.sip.edge import destinations, inbound, sip_leg
from calling.sip.edge.destinations import LeadsToGateway, all_gateways, judged
from calling.sip.edge.mapping import destinations_of
from calling.sip.edge.routes import routes_to, through
from calling.sip.edge.rows import OutboundAttempt
from calling.sip.stack.parser import parse
from calling.sip.stack.resolver import NoRoute, Resolver
from calling.sip.stack.server_transaction import ServerTransaction
from calling.sip.stack.transaction import Hop
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.user_agent import UserAgent
from rest.errors import ApiError
from subscribers.addressing import sip_host
from subscribers.models import SipEndpoint, SipGateway
from tests.sip.conftest import SDP, by_name
from tests.sip.nameserver import NameServer
from tests.support import fake_worker, people
from tests.support.people import Cast
from tests.telephony.conftest import OWN, policy
from tokens.subjects import Entry

ZONE = {
    ("carrier.example", "A"): ["198.51.100.77"],
    ("alias.example", "A"): ["198.51.100.77"],
    ("also.example", "A"): ["203.0.113.9"],
    ("inside.example", "A"): ["198.51.100.20"],
    ("served.example", "NAPTR"): ['10 10 "s" "SIP+D2U" "" _sip._udp.served.example.'],
    ("_sip._udp.served.example", "SRV"): ["0 1 5060 sbc.served.example."],
    ("sbc.served.example", "A"): ["198.51.100.77"],
    ("far.example", "A"): ["192.0.2.44"],
}
# Each leads to the gateway 203.0.113.9, to carrier.example (198.51.100.77), or into its 198.51.100.16/28.
SPELLINGS = (
    "sip:118118@203.0.113.9", "sip:090012@203.0.113.9", "sip:09001234567@203.0.113.9",
    "sip:x9001234567@203.0.113.9", "sip:a+18761234567@203.0.113.9", "sip:18761234567@203.0.113.9",
    "sip:0018761234567@203.0.113.9", "sip:01118761234567@203.0.113.9", "sip:+18761234567@203.0.113.9",
    "sip:118118@203.0.113.9:5060", "sip:118118@203.0.113.9:5999", "SIP:118118@203.0.113.9",
    "sips:118118@203.0.113.9", "sips:+18761234567@203.0.113.9", "sip:118118@[::ffff:203.0.113.9]",
    "sip:118118@[64:ff9b::cb00:7109]", "sip:09001234567@also.example", "sip:118118@ALSO.example:5060",
    "sip:+1-876-123-4567@203.0.113.9", "sip:+18761234567~@203.0.113.9", "sip:118118@carrier.example",
    "sip:09001234567@Carrier.Example:5070", "sip:118118@198.51.100.77", "sip:118118@198.51.100.77:9",
    "sip:090012@alias.example", "sip:x118118@alias.example", "sip:+18761234567@alias.example",
    "sips:118118@alias.example", "sip:118118@served.example", "sip:09001234567@served.example",
    "sip:118118@198.51.100.20", "sip:118118@inside.example", "sip:anything@inside.example:5080",
)  # fmt: skip
ANYBODY = UUID(int=1)
WAYS = ("dial", "connect", "script", "transfer", "consult", "invite", "refer")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    with NameServer(dict(ZONE)) as server:
        monkeypatch.setattr(destinations, "resolver", Resolver(["127.0.0.1"], server.port))
        yield server


@pytest.fixture
def carrier(cast: Cast, names: NameServer) -> SipGateway:
    return SipGateway.objects.create(
        project=cast.project, name="carrier", host="carrier.example", port=5070,
        prefixes=["+46"], ip_addresses=["198.51.100.16/28"], names=["sales", "118"],
    )  # fmt: skip


class Tries:
    """Each way to dial, with a scope that allows whatever SIP URI it is."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        hosts = {sip_host(text.rpartition("@")[2]) for text in SPELLINGS} | {"far.example"}
        entries = [Entry("sip_host", f"{scheme}:{host}") for scheme in ("sip", "sips") for host in hosts]
        self.dave = people.subscriber(cast.project, "dave", None, (Entry("context", "private"), *entries))
        row = SipEndpoint(project=cast.project, subscriber=self.dave.subscriber, username="davephone")
        row.set_password("long-enough")
        row.save()
        self.call_id = fake_worker.talking(cast)
        self.leg_id = fake_worker.leg_of(self.call_id, "caller").id

    def refused(self, way: str, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
        """The code of the refusal, `dialled` where an INVITE would leave."""
        before = models.PhoneCharge.objects.count()
        try:
            self.go(way, text, monkeypatch)
        except ApiError as error:
            assert models.PhoneCharge.objects.count() == before
            return error.code
        return "dialled" if models.PhoneCharge.objects.count() > before else "nowhere"

    def go(self, way: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        holder = self.dave.holder
        match way:
            case "dial":
                dial.place(self.cast.key, DialRequest(to=text, from_=OWN, script=fake_worker.SCRIPT))
            case "transfer":
                transfers.transfer(self.cast.key, self.call_id, self.leg_id, text)
            case "consult":
                wish = DialRequest(to=text, sdp=fake_worker.SDP)
                transfers.consult(self.cast.key, self.call_id, self.leg_id, wish)
            case "connect":
                dial.place(self.cast.key, DialRequest(to="/private/bob", from_=OWN, connect=text))
            case "script":
                transfers.connect(self.cast.key, self.call_id, self.leg_id, [text])
            case "invite":  # of a phone whose subscriber may dial whatever it says
                monkeypatch.setattr(inbound, "phone", lambda call, account, ours: (
                    holder, holder, destinations_of(str(call.request.uri), ours), str(holder.jti), None,
                ))  # fmt: skip
                inbound.place(invite(text), "davephone", frozenset({"callwright"}))
            case "refer":
                for each in destinations_of(text, ("callwright",)):
                    sip_leg.transfer(holder, self.call_id, self.leg_id, each)


def agent_of() -> UserAgent:
    """One that sends nothing."""
    return UserAgent(realm="x", authenticate=by_name)


def invite(uri: str) -> DialogServerSession:
    request: Any = parse(
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        f"From: <sip:davephone@callwright>;tag=1\r\nTo: <{uri}>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:davephone@192.0.2.9>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(SDP)}\r\n\r\n{SDP}".encode()
    )  # fmt: skip
    hop = Hop("UDP", "192.0.2.9", 5060)
    return DialogServerSession(agent_of(), request, hop, ServerTransaction(request, hop), "davephone")


def test_no_spelling_goes_round_the_policy_whoever_dials_it(
    cast: Cast, carrier: SipGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(cast, countries=["SE"], refusals=0, concurrent=None, per_minute=None)
    tries = Tries(cast)
    assert len(SPELLINGS) == len(set(SPELLINGS)) == 33
    wrong = {
        (way, text): code
        for way in WAYS
        for text in SPELLINGS
        if (code := tries.refused(way, text, monkeypatch))
        not in ("number_not_allowed", "country_not_allowed", "invalid_destination")
    }
    assert wrong == {}
    assert models.Call.objects.count() == 1


@pytest.mark.parametrize("way", sorted(set(WAYS) - {"script"}))
def test_what_may_be_dialled_is_by_every_way(
    cast: Cast, carrier: SipGateway, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    policy(cast, countries=["SE"])
    tries = Tries(cast)
    host = "alias.example" if way != "dial" else "far.example"
    assert tries.refused(way, f"sip:sales@{host}", monkeypatch) == "dialled"


@pytest.mark.parametrize("text", ["sip:118118@203.0.113.9", "sip:sales@alias.example", "sip:bob@far.example",
                                  "+46701112233"])  # fmt: skip
def test_nothing_leaves_a_suspended_project(cast: Cast, carrier: SipGateway, text: str,
                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    suspension.suspend(cast.project.id, "test")
    assert Tries(cast).refused("dial", text, monkeypatch) == "project_suspended"


def test_every_sip_leg_counts_in_the_limits(
    cast: Cast, carrier: SipGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(cast, concurrent=1)
    tries = Tries(cast)
    assert tries.refused("dial", "sip:bob@far.example", monkeypatch) == "dialled"
    assert tries.refused("dial", "sip:bob@far.example", monkeypatch) == "too_many_phone_calls"
    assert tries.refused("dial", "sip:sales@alias.example", monkeypatch) == "too_many_phone_calls"


def test_prepaid_money_is_asked_at_a_gateway_by_whatever_name(
    cast: Cast, carrier: SipGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(cast, countries=["SE"])
    account = models.Account.objects.create(project=cast.project, prepaid=True, balance=0)
    models.PhoneRate.objects.create(prefix="+46", per_minute=10_000)
    tries = Tries(cast)
    for text in ("+46701112233", "sip:+46701112233@alias.example", "sip:118@carrier.example",
                 "sip:sales@198.51.100.77"):  # fmt: skip
        assert tries.refused("dial", text, monkeypatch) == "insufficient_balance", text
    account.balance = 1_000_000
    account.save()
    assert tries.refused("dial", "sip:+46701112233@inside.example", monkeypatch) == "dialled"
    assert models.PhoneCharge.objects.get().number == "+46701112233"
    models.PhoneRate.objects.create(prefix="118", per_minute=500_000)
    assert tries.refused("dial", "sip:118@alias.example", monkeypatch) == "dialled"


def test_a_call_to_an_alias_goes_through_the_gateway_itself(cast: Cast, carrier: SipGateway) -> None:
    call = dial.place(
        cast.key, DialRequest(to="sip:+46701112233@alias.example", from_=OWN, script=fake_worker.SCRIPT)
    )
    leg = models.Leg.objects.get(call=call, role="callee")
    assert leg.route == {"gateways": [str(carrier.pk)], "from": OWN}
    wanted = OutboundAttempt("", "", "", "", "", "sip", "", leg.address, leg.route, {}, "x", "", ())
    assert through(carrier, wanted, "h").uri == "sip:+46701112233@carrier.example:5070"
    carrier.enabled = False
    carrier.save()
    assert routes_to(wanted, "h") == []  # and never round it


def test_a_gateway_that_is_off_or_has_no_tls_is_no_open_door(
    cast: Cast, carrier: SipGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = Tries(cast)
    assert tries.refused("dial", "sips:sales@alias.example", monkeypatch) == "nowhere"
    SipGateway.objects.update(enabled=False)
    assert tries.refused("dial", "sip:118118@alias.example", monkeypatch) == "number_not_allowed"
    assert tries.refused("dial", "sip:sales@alias.example", monkeypatch) == "nowhere"


def test_a_project_kept_to_countries_sends_nothing_like_a_number_elsewhere(
    cast: Cast, carrier: SipGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that its own project took away is some SIP host."""
    SipGateway.objects.all().delete()
    tries = Tries(cast)
    policy(cast, countries=["SE"])
    for user in ("118118", "090012", "x9001234567", "a+18761234567", "112233"):
        assert tries.refused("dial", f"sip:{user}@far.example", monkeypatch) == "number_not_allowed", user
    assert tries.refused("dial", "sip:bob@far.example", monkeypatch) == "dialled"
    policy(cast, countries=["SE"], sip_hosts=["Far.example"])
    assert tries.refused("dial", "sip:1181@far.example", monkeypatch) == "dialled"
    policy(cast)
    assert tries.refused("dial", "sip:101@far.example", monkeypatch) == "dialled"
    assert tries.refused("dial", "sip:09001234567@far.example", monkeypatch) == "number_not_allowed"


def direct(uri: str) -> Any:
    wanted = OutboundAttempt(
        "", "", "", "", "", "sip", "", uri, {"gateways": [], "from": OWN}, {}, "x", "", ()
    )
    return routes_to(wanted, "h")[0]


@pytest.mark.parametrize("text", SPELLINGS[15:])
async def test_the_edge_looks_again_at_what_it_dials(text: str, names: NameServer) -> None:
    """The name led elsewhere when the door asked, or the gateway is another project's."""
    gateways = [
        SipGateway(host="203.0.113.9", project_id=ANYBODY),
        SipGateway(host="carrier.example", port=5070, project_id=ANYBODY, ip_addresses=["198.51.100.16/28"]),
    ]
    resolver = Resolver(["127.0.0.1"], names.port)
    way = direct(text.lower())
    with pytest.raises(LeadsToGateway):
        await judged(resolver, way, str(ANYBODY), gateways)
    if "anything" in text:  # a person at another project's gateway is nobody's toll
        assert (await judged(resolver, way, "another", gateways)).hops
    else:
        with pytest.raises(LeadsToGateway):
            await judged(resolver, way, "another", gateways)


async def test_what_was_judged_is_what_is_dialled(names: NameServer) -> None:
    resolver = Resolver(["127.0.0.1"], names.port, judge=lambda host, networks: not host.startswith("127."))
    way = await judged(resolver, direct("sip:bob@far.example"), "p", [])
    assert way.hops == (Hop("UDP", "192.0.2.44", 5060),)
    asked = sum(names.asked.values())
    names.zone["far.example", "A"] = ["127.0.0.1"]
    agent = UserAgent(realm="x", authenticate=by_name, resolver=resolver)
    await agent.listen("127.0.0.1", 0)
    call = agent.invite(way.uri, SDP, from_="<sip:x@h>", hops=way.hops)
    await call.start()
    assert call.peer == Hop("UDP", "192.0.2.44", 5060) and sum(names.asked.values()) == asked
    await agent.close()
    with pytest.raises(NoRoute):
        await judged(resolver, direct("sip:bob@far.example"), "p", [])


def test_the_edge_asks_for_the_gateways_of_every_project(cast: Cast, mallory: Cast) -> None:
    assert {row.project_id for row in all_gateways()} == {cast.project.id, mallory.project.id}
