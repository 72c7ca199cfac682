"""A BYE before the answer (RFC 3261 15): it ends the call, and the INVITE still gets its own end (15.1.2)."""

from __future__ import annotations

import asyncio

from sipmessage import Request

from calling.sip.stack.client_transaction import ClientTransaction
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.events import Finished
from calling.sip.stack.messages import make_request, make_response
from calling.sip.stack.transaction import T1, Ended, Hop
from tests.sip.conftest import SDP, MakeAgent, next_notice, port_of
from tests.sip.raw import Raw
from tests.sip.test_requests_that_cross_or_wait import Callee

HOP = Hop("UDP", "192.0.2.1", 5060)


async def test_the_invite_of_a_caller_who_says_bye_early_is_answered_487(agent: MakeAgent) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        peer.say("INVITE", branch="i")
        call = await asyncio.wait_for(callee.calls.get(), 5)
        assert call.dialog is not None
        peer.say("BYE", branch="b", sequence=2, tag=call.dialog.local_tag)
        assert (await peer.answered("b", "BYE")).code == 200
        assert (await peer.answered("i", "INVITE")).code == 487
        assert (await next_notice(call, Finished)).by == "remote"


async def test_a_callee_that_says_bye_early_is_cancelled(agent: MakeAgent) -> None:
    """Its 200 may be on the way, or it means this to be its answer: the INVITE does not stay open."""
    alice = await agent()
    async with Raw(port_of(alice)) as peer:
        call = alice.invite(f"sip:bob@127.0.0.1:{peer.own}", SDP, from_="<sip:alice@callwright.test>")
        invite = await peer.asked("INVITE")
        ringing = make_response(invite, 180, to_tag="b1", contact=f"<sip:bob@127.0.0.1:{peer.own}>")
        peer._link.sendto(bytes(ringing), ("127.0.0.1", peer.port))  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            while call.dialog is None:
                await asyncio.sleep(0.01)
        tag = invite.headers["From"].partition(";tag=")[2]
        peer.say("BYE", branch="b", call_id=invite.call_id, tag=tag, from_="<sip:bob@callwright.test>;tag=b1")
        assert (await peer.answered("b", "BYE")).code == 200
        assert (await next_notice(call, Finished)).by == "remote"
        assert isinstance(await peer.asked("CANCEL"), Request)


def test_a_cancelled_invite_that_is_never_answered_is_forgotten() -> None:
    request = make_request(
        "INVITE",
        exact_uri("sip:b@x.test"),
        from_="<sip:a@x.test>;tag=1",
        to="<sip:b@x.test>",
        call_id="c",
        sequence=1,
    )
    request.headers.set("Via", "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1")
    transaction = ClientTransaction(request, HOP, "z9hG4bK1")
    transaction.start(0.0)
    transaction.receive(make_response(request, 180, to_tag="t"), 1.0)
    assert transaction.timers.next() is None  # it may ring for long
    transaction.given_up(10.0)
    transaction.receive(make_response(request, 183, to_tag="t"), 11.0)
    assert transaction.tick(10.0 + 64 * T1 - 0.1) == []
    assert transaction.tick(10.0 + 64 * T1 + 0.1) == [Ended()] and transaction.state == "terminated"
