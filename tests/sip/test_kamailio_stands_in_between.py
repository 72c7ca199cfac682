"""A proxy with Record-Route between two agents: all of a call goes through it, or past it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from calling.sip.stack.events import Answered, Confirmed, Finished, Offer, Progress, SessionFailed
from calling.sip.stack.transaction import Hop
from tests.sip.conftest import SDP, MakeAgent, everybody, next_notice, port_of
from tests.sip.kamailio import Kamailio
from tests.sip.test_two_agents_hold_a_call import Callee

pytestmark = pytest.mark.needs("kamailio")


async def test_a_call_goes_through_it_from_the_first_message_to_the_last(
    agent: MakeAgent, tmp_path: Path
) -> None:
    callee = Callee()
    bob = await agent(on_invite=callee.on_invite, trunk=everybody)
    alice = await agent(trunk=everybody)
    async with Kamailio(tmp_path, inside=port_of(bob), outside=port_of(alice)) as proxy:
        for transport in ("udp", "tcp"):
            call = alice.invite(
                f"sip:bob@127.0.0.1:{proxy.port};transport={transport}", SDP, from_="<sip:alice@x.test>"
            )
            other = await asyncio.wait_for(callee.calls.get(), 10)
            assert ("x-seen", "kamailio") in other.headers and other.dialog.route_set
            await other.ring()
            assert (await next_notice(call, Progress)).code == 180
            await other.answer(SDP)
            await next_notice(call, Answered)
            await next_notice(other, Confirmed)
            assert f"127.0.0.1:{proxy.port}" in call.dialog.route_set[0]
            for one, two in ((call, other), (other, call)):
                asking = asyncio.create_task(one.reinvite(SDP.replace("sendrecv", "sendonly")))
                await (await next_notice(two, Offer)).answer(SDP.replace("sendrecv", "recvonly"))
                assert (await asking)[0] == 200
            if transport == "udp":
                await other.hangup()
                ended = await next_notice(call, Finished)
            else:
                await call.hangup()
                ended = await next_notice(other, Finished)
            assert ended.by == "remote" and ("x-seen", "kamailio") in ended.headers


async def test_a_call_is_cancelled_through_it(agent: MakeAgent, tmp_path: Path) -> None:
    callee = Callee()
    bob = await agent(on_invite=callee.on_invite, trunk=everybody)
    alice = await agent()
    async with Kamailio(tmp_path, inside=port_of(bob), outside=port_of(alice)) as proxy:
        call = alice.invite(f"sip:bob@127.0.0.1:{proxy.port}", SDP, from_="<sip:alice@x.test>")
        other = await asyncio.wait_for(callee.calls.get(), 10)
        await other.ring()
        await next_notice(call, Progress)
        await call.hangup()
        assert (await next_notice(other, Finished)).why == "cancel"
        assert (await next_notice(call, SessionFailed)).code == 487


async def test_a_place_that_is_down_leads_to_the_next_place_of_the_name(
    agent: MakeAgent, tmp_path: Path
) -> None:
    callee = Callee()
    bob = await agent(on_invite=callee.on_invite, trunk=everybody)
    alice = await agent()
    async with Kamailio(tmp_path, inside=port_of(bob), outside=port_of(alice)) as proxy:
        hops = [Hop("UDP", "127.0.0.1", port) for port in (proxy.down, proxy.port)]
        call = alice.invite("sip:bob@trunk.test", SDP, from_="<sip:alice@x.test>", hops=hops)
        other = await asyncio.wait_for(callee.calls.get(), 10)
        await other.answer(SDP)
        await next_notice(call, Answered)
        await call.hangup()
        await next_notice(other, Finished)
