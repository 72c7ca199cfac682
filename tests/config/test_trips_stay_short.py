"""How many product files a real request enters, against the real database; the table may only fall.

Each trip is made once before it is counted, so that nothing is imported or cached for the first time in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from channels.exceptions import StopConsumer
from django.db import connections

from calling.calls import control
from calling.machine import inputs
from calling.sip.edge.edge import SipEdge
from calling.sip.ua.user_agent import UserAgent
from calling.sockets.hub import the_hub
from calling.sockets.phone.consumer import PhoneConsumer
from subscribers.models import Address, PhoneNumber, SipGateway
from tests.media import phones
from tests.media.phones import Phone, joined
from tests.sip.conftest import SDP, by_name
from tests.support import fake_worker
from tests.support.people import Cast, make_cast
from tests.support.wait import until
from tests.trips import Trip, followed_through_threads_and_timers
from tests.webhooks.conftest import deliver_due, emit_event, make_hook
from tests.webhooks.receivers import Receiver

# Files entered, and how many of them lie in the root of `calling`. They may only fall; whoever must raise one
# writes the reason beside it. The database backend, which chooses the login: 1 more in each that asks it. The
# one statement of a turn has a file of its own: 1 more in each that changes a call; so has the giving of
# positions, which asks since when numbers of today are given: 2 more. What is locked becomes values, and
# values become what is written, in a file that both use: 1 more. What is said again and again is prepared by
# the backend: 1 more in each.
CEILINGS = {
    # Request ids, links, rate headers, known names and the view above them: 7 files of a request, each
    # passed once; the offer is judged at the door by the SDP reader: 3 more; calls at once: 2 more.
    # Whether it is a page, which has a language, is asked of its path: 1 more.
    # Who waits for the answer hears of it: 1 more. It is read without the file that alone may write: 1 more.
    "dial by token": (60, 0),
    # Wrong keys are counted per source before the look at the database: 1 more; screens beside a leg: 1 more;
    # the language of pages: 1 more; the answer is read without the file that alone may write: 1 more.
    "hangup by key": (42, 0),
    # The instance's legs, by project, before a leg is added: 3 more; frames that visit no shared thread: 1.
    "call.create until call.trying": (54, 0),
    "hangup from decision to commit": (20, 0),
    # Names are looked up in places that are shared fairly between projects: 1 more; in which days
    # events may lie: 1 more. What came of a try is written in a file beside the claims, and the text of a URL
    # is judged in a pure one: 2 more.
    "event from publication to delivery": (19, 0),
    # Who calls, identity headers of trusted gateways, INFO, the SDP reader, and the project's share of legs;
    # what the gateway allows of an offer, and its reading: 2 more.
    # The judge of where SIP may go, and the guard that it asks: 2 more. Work that nobody waits for is held by
    # one file, which agent, call and edge had each in their own: 1 more.
    "INVITE from a gateway until the call is placed": (75, 0),
    # One socket is read for all legs of a worker, before the leg's own path: 1 more.
    # Where Python forwards; what the loop in C forwards enters no file.
    "RTP packet": (6, 0),
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def followed() -> Iterator[None]:
    with followed_through_threads_and_timers():
        yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result(10)


def held(name: str, trip: Trip) -> None:
    """The trip went somewhere, and is no longer than its ceilings."""
    most, most_in_root = CEILINGS[name]
    assert trip.files
    listing = "\n".join(trip.files)
    assert len(trip.files) <= most, f"{name}: {len(trip.files)} files, at most {most}:\n{listing}"
    assert len(trip.in_root) <= most_in_root, f"{name}: {len(trip.in_root)} in the root of calling"


def test_a_dial_by_token(cast: Cast) -> None:
    trip, rest = Trip(), cast.alice.rest
    body = {"to": "/private/bob", "sdp": fake_worker.SDP}
    assert rest.post("/api/calls", body).status_code == 201
    with trip.recording():
        answer = trip.context.run(rest.post, "/api/calls", body)
    assert answer.status_code == 201
    held("dial by token", trip)


def test_a_hangup_by_key(cast: Cast) -> None:
    trip, rest = Trip(), cast.rest
    first, second = fake_worker.talking(cast), fake_worker.talking(cast)
    assert rest.post(f"/api/calls/{first}/hangup").status_code == 200
    with trip.recording():
        answer = trip.context.run(rest.post, f"/api/calls/{second}/hangup")
    assert answer.json()["state"] == "ended"
    held("hangup by key", trip)


def test_a_hangup_from_decision_to_commit(cast: Cast) -> None:
    trip = Trip()
    for _ in range(2):
        trip.clear()
        call_id = fake_worker.talking(cast)
        value = inputs.Hangup(fake_worker.leg_of(call_id, "caller").id)
        with trip.recording():
            outcome = trip.context.run(control.apply, call_id, value)
        assert outcome.call.state.value == "ended"
    held("hangup from decision to commit", trip)


def test_an_event_from_publication_to_delivery(cast: Cast) -> None:
    trip, receiver = Trip(), Receiver()
    make_hook(cast, receiver.url)
    for _ in range(2):
        trip.clear()
        emit_event(cast)
        with trip.recording():
            assert trip.context.run(deliver_due) == 1
    assert len(receiver.got) == 2
    receiver.close()
    held("event from publication to delivery", trip)


class Device:
    """A phone on `/ws/phone` without a network: its frames go to the consumer itself."""

    def __init__(self, trip: Trip) -> None:
        scope = {"type": "websocket", "path": "/ws/phone", "headers": [], "client": ("127.0.0.1", 1)}
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        serving = PhoneConsumer.as_asgi()(scope, self.said.get, self.heard.put)
        self.serving = asyncio.create_task(serving, context=trip.context)

    async def come_in(self, token: str) -> None:
        self.said.put_nowait({"type": "websocket.connect"})
        assert (await asyncio.wait_for(self.heard.get(), 10))["type"] == "websocket.accept"
        self.say({"type": "auth", "token": token})
        await self.hear("auth.ok")

    def say(self, message: dict[str, Any]) -> None:
        self.said.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self, kind: str) -> None:
        """Wait for a message of that kind; others before it are passed over."""
        async with asyncio.timeout(10):
            while json.loads((await self.heard.get())["text"])["type"] != kind:
                pass

    async def leave(self) -> None:
        self.said.put_nowait({"type": "websocket.disconnect", "code": 1000})
        with contextlib.suppress(StopConsumer):
            await asyncio.wait_for(self.serving, 10)


async def test_call_create_until_call_trying(cast: Cast) -> None:
    trip, hub = Trip(), the_hub()
    device = Device(trip)
    create = {"type": "call.create", "destination": "/private/bob", "sdp": fake_worker.SDP}
    await device.come_in(cast.alice.token)
    device.say(create)
    await device.hear("call.trying")
    with trip.recording():
        device.say(create)
        await device.hear("call.trying")
    await device.leave()
    await hub.stop()
    held("call.create until call.trying", trip)


async def test_an_invite_from_a_gateway(cast: Cast) -> None:
    def rows() -> None:
        SipGateway.objects.create(
            project=cast.project, name="trunk", host="127.0.0.1", port=5060, ip_addresses=["127.0.0.1"]
        )
        address = Address.objects.get(resource_id=cast.bob.subscriber.id)
        PhoneNumber.objects.create(project=cast.project, number="+15557654321", address=address)

    await sync_to_async(rows)()
    trip = Trip()
    edge = SipEdge("127.0.0.1", frozenset({"127.0.0.1"}))
    placed: asyncio.Queue[object] = asyncio.Queue()

    def begin(line: object) -> None:
        trip.stop()
        placed.put_nowait(line)

    edge.begin = begin  # type: ignore[method-assign, assignment]
    await asyncio.create_task(edge.agent.listen("127.0.0.1", 0), context=trip.context)
    port = edge.agent.transport.local["UDP"][1]
    far = UserAgent(realm="x", authenticate=by_name)
    await far.listen("127.0.0.1", 0)
    for _ in range(2):
        trip.clear()
        with trip.recording():
            far.invite(f"sip:+15557654321@127.0.0.1:{port}", SDP, from_="<sip:+15550001111@127.0.0.1>")
            await asyncio.wait_for(placed.get(), 10)
    await far.close()
    await edge.close()
    held("INVITE from a gateway until the call is placed", trip)


async def test_an_rtp_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest of twenty moments of sound both ways: now and then there is a report in one."""
    monkeypatch.setattr(phones, "CONFIG", replace(phones.CONFIG, loop="python"))
    trip, shortest = Trip(), Trip()

    async def talk() -> None:
        async with joined(Phone(440.0), Phone(660.0)) as (one, other):
            one.port.set_audio_source(other.port)
            other.port.set_audio_source(one.port)
            receivers = one.port.audio_in, other.port.audio_in
            await until(lambda: all(receiver.current() is not None for receiver in receivers))
            senders = one.port.audio_out, other.port.audio_out
            await until(lambda: all(sender.outgoing.known for sender in senders), what="first reports")
            streams = [receiver.current() for receiver in receivers]
            for number in range(20):
                trip.clear()
                wanted = [stream.packets + 2 for stream in streams]
                with trip.recording():
                    while any(stream.packets < most for stream, most in zip(streams, wanted, strict=True)):
                        await asyncio.sleep(0.001)
                if number == 0 or len(trip.files) < len(shortest.files):
                    shortest.take(trip)

    await asyncio.create_task(talk(), context=trip.context)
    held("RTP packet", shortest)
