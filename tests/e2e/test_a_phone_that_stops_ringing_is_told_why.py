"""Why a phone stops ringing (RFC 3326), both ways: who hears that a call was taken elsewhere counts none as
missed. Through `manage.py sip` and a real media worker."""

from __future__ import annotations

import asyncio

import pytest

from calling import models
from calling.calls import history
from calling.machine import inputs
from subscribers.models import Address, PhoneNumber
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint
from tests.e2e.edges import EdgeProcess
from tests.e2e.test_gateways_lead_out_and_in import gateway
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.sip.raw import Raw
from tests.support.people import Cast
from tests.support.wait import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def rung(desk: Desk, cancels: list[str | None]) -> None:
    """It rings, and notes the Reason of the CANCEL that ends it."""
    cancelled = desk.agent._reception._cancel

    def note(request: object, hop: object) -> None:
        cancels.append(request.headers.get("Reason"))  # type: ignore[attr-defined]
        cancelled(request, hop)  # type: ignore[arg-type]

    desk.agent._reception._cancel = note  # type: ignore[method-assign]
    await desk.rung(20)


@pytest.mark.parametrize(
    ("ending", "told"),
    [("answered", ELSEWHERE), ("rejected", 'SIP;cause=603;text="Decline"'), ("cancelled", None)],
)
async def test_a_desk_phone_is_told_that_a_call_was_taken_or_declined_elsewhere(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, ending: str, told: str | None
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)
    async with Desk(edge.port, name, "secret", 660.0) as desk:
        assert await desk.register() == 200
        device = await callers.come_online(cast.bob)
        alice, bob, cancels = Phone(440.0), Phone(880.0), list[str | None]()
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        await rung(desk, cancels)
        if ending == "answered":
            await callers.pick_up(cast.bob, bob, call_id, device)
        else:
            leg = await callers.leg(call_id, "callee" if ending == "rejected" else "caller")
            await callers.apply(call_id, (inputs.Reject if ending == "rejected" else inputs.Hangup)(leg.id))
        await until(lambda: cancels, 10, "the CANCEL")
        assert cancels == [told]
        await alice.close()
        await bob.close()


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (ELSEWHERE, "answered_elsewhere"),
        ("SIP;cause=487, Q.850;cause=26", "answered_elsewhere"),
        ("Q.850;cause=16", "normal"),
        ('SIP;cause=200;text="', "normal"),
    ],
)
async def test_a_call_that_its_network_says_was_answered_elsewhere_is_not_missed(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, reason: str, cause: str
) -> None:
    async with Raw(edge.port) as peer:

        def lay() -> None:
            gateway(cast, peer.own, 1)
            address = Address.objects.get(resource_id=cast.bob.subscriber.id)
            PhoneNumber.objects.create(project=cast.project, number="+15557654321", address=address)

        await callers.in_thread(lay)
        await callers.come_online(cast.bob)
        peer.say("INVITE", to="+15557654321", branch="i")
        async with asyncio.timeout(10):
            while 180 not in peer.codes("i", "INVITE"):
                await asyncio.sleep(0.05)
        call_id = str((await callers.in_thread(models.Call.objects.get)).pk)
        peer.say("CANCEL", to="+15557654321", branch="i", headers=(f"Reason: {reason}",))
        call = await callers.state(call_id, lambda call: call.state == "ended")
        assert (call.end_reason, call.end_cause) == ("cancelled", cause)
        assert (await peer.answered("i", "INVITE")).code == 487
        own = await callers.in_thread(lambda: list(models.Leg.objects.filter(call_id=call_id, role="callee")))
        assert history.missed(own) is (cause == "normal")
