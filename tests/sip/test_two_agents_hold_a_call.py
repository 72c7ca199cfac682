"""Two of our own agents, over UDP and TCP: the whole life of a call."""

from __future__ import annotations

import asyncio

import pytest

from calling.sip.stack.dialog import Dialog
from calling.sip.stack.digest import Credentials
from calling.sip.stack.events import (
    Answered,
    Confirmed,
    Digit,
    Finished,
    Offer,
    Progress,
    ReferProgress,
    Referred,
    SessionFailed,
)
from calling.sip.ua.server_session import DialogServerSession
from tests.sip.conftest import REALM, SDP, MakeAgent, everybody, next_notice, port_of
from tests.sip.user_agent import lose, refer, send_digit


class Callee:
    """An agent that keeps what comes in."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[DialogServerSession] = asyncio.Queue()

    async def on_invite(self, call: DialogServerSession) -> None:
        await self.calls.put(call)


async def pair(agent: MakeAgent, transport: str = "udp", **options: object) -> tuple:
    callee = Callee()
    bob = await agent(on_invite=callee.on_invite, trunk=everybody)
    alice = await agent(trunk=everybody)
    target = f"sip:bob@127.0.0.1:{port_of(bob)};transport={transport}"
    call = alice.invite(target, SDP, from_="<sip:alice@callwright.test>", **options)
    return alice, bob, call, callee


async def answered(agent: MakeAgent, transport: str = "udp") -> tuple:
    alice, bob, call, callee = await pair(agent, transport)
    other = await callee.calls.get()
    assert await other.answer(SDP)
    await next_notice(call, Answered)
    await next_notice(other, Confirmed)
    return alice, bob, call, other


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_rings_is_answered_and_hung_up_by_the_caller(agent: MakeAgent, transport: str) -> None:
    _, bob, call, callee = await pair(agent, transport, headers=[("x-order", "7")])
    other = await callee.calls.get()
    assert other.offer == SDP and other.headers == (("x-order", "7"),)
    await other.ring()
    assert (await next_notice(call, Progress)).code == 180
    await other.answer(SDP)
    assert (await next_notice(call, Answered)).sdp == SDP
    await next_notice(other, Confirmed)
    await call.hangup()
    assert (await next_notice(other, Finished)).by == "remote"
    assert (await next_notice(call, Finished)).by == "local"
    assert not bob.calls


async def test_the_callee_hangs_up(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    await other.hangup()
    assert (await next_notice(call, Finished)).why == "bye"


async def test_early_media_arrives_reliably_with_prack(agent: MakeAgent) -> None:
    _, _, call, callee = await pair(agent)
    other = await callee.calls.get()
    await other.ring(sdp=SDP)
    progress = await next_notice(call, Progress)
    assert (progress.code, progress.sdp) == (183, SDP)
    async with asyncio.timeout(3):
        await other._pracked[1].wait()
    await other.answer(SDP)
    await next_notice(call, Answered)


async def test_a_cancelled_call_ends_487_on_both_sides(agent: MakeAgent) -> None:
    _, _, call, callee = await pair(agent)
    other = await callee.calls.get()
    await other.ring()
    await next_notice(call, Progress)
    await call.hangup()
    assert (await next_notice(other, Finished)).why == "cancel"
    assert (await next_notice(call, SessionFailed)).code == 487


async def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended(agent: MakeAgent) -> None:
    alice, _, call, callee = await pair(agent)
    other = await callee.calls.get()
    await other.ring()
    await next_notice(call, Progress)
    lose(alice, lambda data: data.startswith(b"CANCEL"))
    await call.hangup()
    await other.answer(SDP)
    await next_notice(other, Confirmed)
    assert (await next_notice(other, Finished)).by == "remote"
    assert (await next_notice(call, SessionFailed)).code == 487


async def test_hold_works_from_either_side(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    for one, two in ((call, other), (other, call)):
        asking = asyncio.create_task(one.reinvite(SDP.replace("sendrecv", "sendonly")))
        offer = await next_notice(two, Offer)
        assert "a=sendonly" in offer.sdp
        await offer.answer(SDP.replace("sendrecv", "recvonly"))
        code, text = await asking
        assert code == 200 and text is not None and "a=recvonly" in text


async def test_offers_that_cross_are_refused_491_and_tried_again(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    one = asyncio.create_task(call.reinvite(SDP.replace("sendrecv", "sendonly")))
    two = asyncio.create_task(other.reinvite(SDP.replace("sendrecv", "inactive")))

    async def agree(party: object) -> None:
        offer = await next_notice(party, Offer, 12)
        await offer.answer(SDP)

    await asyncio.gather(agree(call), agree(other))
    assert [(await one)[0], (await two)[0]] == [200, 200]


async def test_a_refused_offer_changes_nothing(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    asking = asyncio.create_task(call.reinvite(SDP.replace("39000", "39002")))
    await (await next_notice(other, Offer)).reject(488)
    assert await asking == (488, None)
    assert call.local_sdp == SDP


async def test_refer_is_accepted_and_reported(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    asking = asyncio.create_task(refer(call, "sip:carol@127.0.0.1", "abc;to-tag=1;from-tag=2"))
    referred = await next_notice(other, Referred)
    assert referred.target == "sip:carol@127.0.0.1" and referred.replaces.call_id == "abc"
    await referred.decide(202)
    assert await asking == 202
    await referred.report(200)
    assert (await next_notice(call, ReferProgress)).code == 100
    assert (await next_notice(call, ReferProgress)).code == 200


async def test_keys_travel_as_info(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    assert await send_digit(call, "#") == 200
    assert await next_notice(other, Digit) == Digit("#", 160)


async def test_a_stored_dialog_hangs_up_after_its_process_is_gone(agent: MakeAgent) -> None:
    alice, _, call, other = await answered(agent)
    stored = call.dialog.to_json()
    await alice.close()
    late = await agent()
    dialog = Dialog.from_json(stored)
    dialog.local_sequence += 1000
    assert await late.send_bye(dialog) == 200
    assert (await next_notice(other, Finished)).by == "remote"


async def test_the_dialog_is_stored_before_the_answer_leaves(agent: MakeAgent) -> None:
    order: list[str] = []
    callee = Callee()

    async def store(dialog: Dialog, reference: object) -> None:
        order.append(dialog.state)

    bob = await agent(on_invite=callee.on_invite, trunk=everybody, store=store)
    lose(bob, lambda data: order.append("sent") or False if b" 200 OK" in data[:20] else False)
    alice = await agent()
    alice.invite(f"sip:bob@127.0.0.1:{port_of(bob)}", SDP, from_="<sip:alice@x.test>")
    await (await callee.calls.get()).answer(SDP)
    assert order[:2] == ["confirmed", "sent"]


@pytest.mark.parametrize("md5", [False, True])
async def test_a_call_with_a_password_is_challenged_and_goes_through(agent: MakeAgent, md5: bool) -> None:
    callee = Callee()
    bob = await agent(on_invite=callee.on_invite, allow_md5=md5)
    alice = await agent()
    call = alice.invite(f"sip:bob@127.0.0.1:{port_of(bob)}", SDP, from_="<sip:alice@callwright.test>",
                        headers=[("x-order", "7")],
                        credentials=Credentials("alice", "alice-secret", REALM))  # fmt: skip
    other = await callee.calls.get()
    assert other.account == "alice" and other.headers == (("x-order", "7"),)
    await other.reject(486)
    assert (await next_notice(call, SessionFailed)).code == 486


async def test_lost_messages_are_sent_again(agent: MakeAgent) -> None:
    alice, bob, call, callee = await pair(agent)
    lost: list[bytes] = []

    def every_first(data: bytes) -> bool:
        if data in lost:
            return False
        lost.append(data)
        return True

    lose(alice, every_first)
    lose(bob, every_first)
    other = await callee.calls.get()
    await other.answer(SDP)
    await next_notice(call, Answered, 10)
    await next_notice(other, Confirmed, 10)
    await call.hangup()
    await next_notice(other, Finished, 10)
