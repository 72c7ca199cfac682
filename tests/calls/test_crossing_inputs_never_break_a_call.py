"""Random schedules of crossing commands and signals against PostgreSQL, in threads.

Whatever crosses: every call ends exactly once, its sequence has no gap, states never go backwards, nothing
but a refusal is answered, and nothing is left alive.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from calling import models
from calling.calls import control, queries
from calling.commands import dial, transfers
from calling.commands.routing import DialRequest
from calling.machine import inputs
from calling.machine.inputs import Refused
from calling.machine.states import Call
from rest import errors
from tests.support import fake_worker
from tests.support.people import Cast, make_cast

ORDER = {"created": 0, "ringing": 1, "answered": 2, "ended": 3}
STATE_OF = {"call.created": 0, "call.ringing": 1, "call.answered": 2, "call.ended": 3}
Step = Callable[[], object]


@dataclass
class World:
    """One call and whoever acts on it."""

    cast: Cast
    rng: random.Random
    pool: ThreadPoolExecutor
    call_id: str
    devices: dict[str, str]
    faults: list[BaseException] = field(default_factory=list)

    def calls(self) -> list[models.Call]:
        return list(models.Call.objects.filter(pk=self.call_id)) + list(
            models.Call.objects.filter(consult_of=self.call_id)
        )

    def seen(self) -> Call:
        return queries.snapshot(self.call_id)

    def leg(self) -> str:
        legs = self.seen().legs
        return self.rng.choice(legs).id

    def apply(self, input: object) -> None:
        control.apply(self.call_id, input)

    # --- what may happen -------------------------------------------------------------------------

    def answer(self) -> None:
        ringing = [leg for leg in self.seen().legs if leg.state.value == "ringing"]
        for leg in ringing[:1]:
            devices = [each.device_id for each in leg.attempts] or [None]
            self.apply(inputs.Answer(leg.id, self.rng.choice(devices), fake_worker.SDP, peer_id=str(uuid4())))

    def reject(self) -> None:
        self.apply(inputs.Reject(self.leg(), None, self.rng.choice(["rejected", "busy"])))

    def hang_up(self) -> None:
        self.apply(inputs.Hangup())

    def leave(self) -> None:
        self.apply(inputs.Hangup(self.leg()))

    def hold(self) -> None:
        self.apply(self.rng.choice([inputs.Hold, inputs.Resume])(self.leg()))

    def mute(self) -> None:
        self.apply(inputs.Mute(self.leg(), frozenset({"audio"})))

    def transfer(self) -> None:
        transfers.transfer(self.cast.key, self.call_id, self.leg(), self.cast.carol.address)

    def consult(self) -> None:
        request = DialRequest(to=self.cast.carol.address, sdp=fake_worker.SDP)
        transfers.consult(self.cast.key, self.call_id, self.leg(), request)

    def answer_consult(self) -> None:
        for row in models.Call.objects.filter(consult_of=self.call_id).exclude(state="ended"):
            for leg in queries.snapshot(row.id).legs:
                if leg.state.value == "ringing":
                    control.apply(row.id, inputs.Answer(leg.id, self.devices["carol"], fake_worker.SDP))

    def hang_up_consult(self) -> None:
        for row in models.Call.objects.filter(consult_of=self.call_id).exclude(state="ended"):
            control.apply(row.id, inputs.Hangup())

    def complete(self) -> None:
        self.apply(inputs.CompleteTransfer(self.leg()))

    def cancel_transfer(self) -> None:
        self.apply(inputs.CancelTransfer(self.leg()))

    def deadline(self) -> None:
        models.Call.objects.filter(pk=self.call_id).exclude(state="ended").update(
            deadline=timezone.now() - timedelta(seconds=1)
        )
        self.apply(inputs.DeadlinePassed())

    def worker_lost(self) -> None:
        self.apply(inputs.WorkerLost())

    def worker_moved(self) -> None:
        self.apply(inputs.WorkerMoved((str(uuid4()), str(uuid4()))))

    def reoffer(self) -> None:
        self.apply(inputs.Reoffer(self.leg(), fake_worker.SDP))

    def device_gone(self) -> None:
        name = self.rng.choice(list(self.devices))
        self.apply(inputs.DeviceOffline(self.devices[name], final=self.rng.random() < 0.5))

    def media(self) -> None:
        for leg in self.seen().live_legs:
            if leg.peer_id is not None:
                kind = self.rng.choice([inputs.MediaConnected, inputs.MediaConnected, inputs.MediaLost])
                self.apply(kind(leg.peer_id))

    def record(self) -> None:
        control.record_call_event(self.call_id, "leg.quality", {"mos": 4.1}, self.leg())

    # --- running ---------------------------------------------------------------------------------

    def together(self, steps: list[Step]) -> None:
        """All at once, each in a thread and a connection of its own; only refusals may come back."""
        barrier = threading.Barrier(len(steps))

        def run(step: Step) -> None:
            try:
                barrier.wait(10)
                step()
            except (Refused, errors.ApiError):
                pass
            except BaseException as fault:
                self.faults.append(fault)

        running = [self.pool.submit(run, step) for step in steps]
        late = wait(running, 60).not_done
        assert not late, "two inputs wait for each other"


PAIRS = (
    ("answer", "hang_up"),
    ("answer", "answer"),
    ("answer", "deadline"),
    ("answer", "reject"),
    ("leave", "transfer"),
    ("hang_up", "transfer"),
    ("consult", "hang_up"),
    ("consult", "consult"),
    ("complete", "leave"),
    ("complete", "hang_up_consult"),
    ("complete", "cancel_transfer"),
    ("answer_consult", "complete"),
    ("hang_up", "hang_up"),
    ("transfer", "transfer"),
    ("worker_lost", "hang_up"),
    ("worker_moved", "answer"),
    ("worker_moved", "reoffer"),
    ("worker_moved", "transfer"),
    ("record", "hang_up"),
    ("device_gone", "answer"),
    ("media", "hold"),
)
EXTRA = ("hold", "mute", "record", "media", "leave", "answer", "answer_consult", "device_gone")


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """As many threads as may act at once; their connections are closed with them."""
    pool = ThreadPoolExecutor(count)
    yield pool
    barrier = threading.Barrier(count)

    def close() -> None:
        barrier.wait(30)
        connection.close()

    for each in [pool.submit(close) for _ in range(count)]:
        each.result(60)
    pool.shutdown()


def begin(cast: Cast, rng: random.Random, devices: dict[str, str], pool: ThreadPoolExecutor) -> World:
    sdp, to = fake_worker.SDP, cast.bob.address
    row = dial.place(cast.alice.holder, DialRequest(to=to, sdp=sdp, media=None, device_id=devices["alice"]))
    world = World(cast, rng, pool, str(row.id), devices)
    if rng.random() < 0.9:
        fake_worker.carry(row.id)
    if rng.random() < 0.7:
        with suppress(Refused, errors.ApiError):  # a call nobody carries yet cannot be answered
            world.answer()
            world.media()
            if rng.random() < 0.4:
                world.consult()
                if rng.random() < 0.6:
                    world.answer_consult()
    return world


def end(world: World) -> None:
    for row in world.calls():
        control.apply(row.id, inputs.Hangup())


def check(world: World) -> None:
    """The invariants, read from the rows."""
    if world.faults:
        raise world.faults[0]
    for row in world.calls():
        assert row.state == "ended" and row.end_reason, (row.id, row.state)
        assert not models.Leg.objects.filter(call_id=row.id).exclude(state="ended").exists()
        events = list(models.Event.objects.filter(call_id=row.id).order_by("sequence"))
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert sorted(event.id for event in events) == [event.id for event in events]
        states = [STATE_OF[event.type] for event in events if event.type in STATE_OF]
        assert states == sorted(states), [event.type for event in events]
        assert [event.type for event in events].count("call.ended") == 1
        told = [state_told(event) for event in events]
        assert told == sorted(told), [event.type for event in events]


def state_told(event: models.Event) -> int:
    """The state its call is in, as the event itself tells."""
    return ORDER[json.loads(event.body)["data"]["call"]["state"]]


@pytest.mark.family
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(7200)
def test_random_crossings_keep_every_promise(seed, figure, settings) -> None:
    settings.CALLWRIGHT_DIALS_PER_SECOND = 100_000
    cast = make_cast()
    devices = {name: fake_worker.online(cast.people[name]) for name in ("alice", "bob", "carol")}
    second = fake_worker.online(cast.bob)
    rounds, began = figure(40, 10_000), time.monotonic()
    with threads(4) as pool:
        for number in range(rounds):
            rng = random.Random(f"{seed}:{number}")
            world = begin(cast, rng, {**devices, "bob": rng.choice([devices["bob"], second])}, pool)
            for _ in range(rng.randint(1, 3)):
                names = [*rng.choice(PAIRS), *rng.sample(EXTRA, rng.randint(0, 2))]
                world.together([getattr(world, name) for name in names])
            try:
                end(world)
                check(world)
            except BaseException:
                print(f"schedule {seed}:{number}")
                raise
            if number % 250 == 249:
                print(f"{number + 1} schedules in {time.monotonic() - began:.0f} s", flush=True)
    assert not models.Call.objects.exclude(state="ended").exists()
    print(f"{rounds} schedules, {models.Event.objects.count()} events, 0 violations")


@pytest.mark.django_db
def test_a_second_end_is_refused_by_the_database_itself() -> None:
    cast = make_cast()
    call_id = UUID(int=7)
    make = models.Event.objects.create
    fields = {
        "project_id": cast.project.id,
        "call_id": call_id,
        "stream": str(call_id),
        "type": "call.ended",
        "body": "{}",
        "created_at": timezone.now(),
    }
    make(sequence=1, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        make(sequence=2, **fields)
