"""An edge looks up a dialled name beside what it does for other calls: a name server may never answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections
from django.utils import timezone

from calling import models
from calling.calls import control
from calling.machine import inputs
from calling.sip.edge import destinations
from calling.sip.edge.edge import SipEdge
from calling.sip.stack.resolver import Resolver
from tests.sip.conftest import SDP
from tests.sip.raw import Raw
from tests.support import fake_worker
from tests.support.people import Cast, Person, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """What the test asked of the ORM from its loop went through one thread; it lets go of its connection."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result(10)


def desk(cast: Cast, person: Person, port: int) -> None:
    assert person.subscriber is not None
    models.Device.objects.create(
        project=cast.project, subscriber_id=person.subscriber.id, kind="sip",
        online_until=timezone.now() + timedelta(hours=1),
        contact={"uri": f"sip:x@127.0.0.1:{port}", "hop": ["UDP", "127.0.0.1", port, ""]},
    )  # fmt: skip


def called(cast: Cast, person: Person) -> str:
    """alice calls that person, whose desk phone is about to be sent an INVITE."""
    answer = cast.alice.rest.post("/api/calls", {"to": person.address, "sdp": fake_worker.SDP})
    call_id = str(answer.json()["id"])
    fake_worker.carry(call_id)
    for attempt in fake_worker.leg_of(call_id, "callee").attempts:
        control.apply(call_id, inputs.OfferMade(attempt.id, SDP))
    return call_id


def outside(call_id: str) -> None:
    """It is a SIP URI that was dialled, and not a subscriber."""
    leg = models.Leg.objects.get(call_id=call_id, role="callee")
    models.Leg.objects.filter(pk=leg.pk).update(party="sip", address="sip:x@nobody-knows.test", route={})


async def test_a_phone_rings_while_another_calls_name_is_looked_up() -> None:
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    cast = await sync_to_async(make_cast)()
    edge = SipEdge("127.0.0.1", frozenset({"127.0.0.1"}))
    edge.agent.resolver = Resolver(["127.0.0.1"], silent.getsockname()[1], judge=destinations.allowed)
    await edge.agent.listen("127.0.0.1", 0)
    running = None
    try:
        async with Raw(edge.agent.transport.local["UDP"][1]) as phone:

            def place() -> tuple[str, str]:
                desk(cast, cast.bob, 9)
                desk(cast, cast.carol, phone.own)
                first = called(cast, cast.bob)
                outside(first)
                return first, called(cast, cast.carol)

            slow, _ = await sync_to_async(place)()
            running = asyncio.create_task(edge.run())
            await phone.asked("INVITE", 20)
            still = await sync_to_async(fake_worker.leg_of)(slow, "callee")
            assert still.live, "the phone waited until the other call had failed"
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await edge.close()
        silent.close()
