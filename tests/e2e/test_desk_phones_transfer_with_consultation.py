"""Attended transfers across kinds: a desk phone's REFER with Replaces, and ours between SIP legs."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from calling.commands.routing import DialRequest
from calling.commands.transfers import consult
from calling.machine import inputs
from calling.sip.stack.events import Answered, Confirmed, Finished, Offer
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.sip.user_agent import refer
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


async def follow(desk: Desk, call: object) -> None:
    """Agree to every new place for the sound that the platform offers."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            offer = await notice(call, Offer, 600)  # type: ignore[arg-type]
            desk.sound.agree(offer.sdp)
            await offer.answer(desk.sound.sdp())


async def test_a_desk_phone_and_a_browser_transfer_with_consultation(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    names = [await callers.in_thread(endpoint, each) for each in (cast.bob, cast.carol)]
    alice = Phone(440.0)
    async with Desk(edge.port, names[0], "secret", 660.0) as bob, \
            Desk(edge.port, names[1], "secret", 880.0) as carol:  # fmt: skip
        assert await bob.register() == 200 and await carol.register() == 200

        # The browser consults: alice talks with bob's desk, asks carol's desk, and gives bob to carol.
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        with_bob = await bob.rung(20)
        await bob.answer(with_bob)
        await notice(with_bob, Confirmed, 20)
        await callers.hears(alice, 660.0, 20)
        own = await callers.leg(call_id, "caller")
        await callers.in_thread(consult, cast.alice.holder, call_id, own.id, DialRequest(to="/private/carol"))
        with_carol = await carol.rung(20)
        await carol.answer(with_carol)
        await notice(with_carol, Confirmed, 20)
        await callers.hears(alice, 880.0, 20)
        await callers.apply(call_id, inputs.CompleteTransfer(own.id))
        await bob.hears(880.0, 20)
        await carol.hears(660.0, 20)
        await with_bob.hangup()
        assert (await notice(with_carol, Finished, 20)).by == "remote"
        await alice.close()

        # The desk phone consults: bob, called by alice, calls carol by himself, and gives alice to her.
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        with_alice = await bob.rung(20)
        await bob.answer(with_alice)
        await notice(with_alice, Confirmed, 20)
        await callers.hears(alice, 660.0, 20)
        code, _ = await with_alice.reinvite(bob.sound.sdp("sendonly"))
        assert code == 200
        asking = bob.dial("carol")
        with_bob = await carol.rung(20)
        await carol.answer(with_bob)
        await notice(with_bob, Confirmed, 20)
        bob.sound.agree((await notice(asking, Answered, 20)).sdp)
        await carol.hears(660.0, 20)
        moving = asyncio.create_task(follow(carol, with_bob))
        other = asking.dialog
        replaces = f"{other.call_id};to-tag={other.remote_tag};from-tag={other.local_tag}"
        assert await refer(with_alice, f"sip:carol@127.0.0.1:{edge.port}", replaces) == 202
        assert (await notice(with_alice, Finished, 20)).by == "remote"
        assert (await notice(asking, Finished, 20)).by == "remote"
        await callers.hears(alice, 880.0, 20)
        await carol.hears(440.0, 20)
        call = await callers.snapshot(call_id)
        assert [leg.end_reason for leg in call.legs] == [None, "transferred", None]
        await callers.apply(call_id, inputs.Hangup(call.legs[0].id))
        moving.cancel()
    await alice.close()
