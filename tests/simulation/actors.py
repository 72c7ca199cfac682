"""Who acts in the simulated world: sweeps, publishers, deliverers, media workers, devices and back ends.

Each runs the product's own functions: the door, claims, leases, schedule and sweep. Media are played at the
level of the plan, and receivers of webhooks in memory.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

import clock
from calling import models, presence, sweep
from calling.calls import control
from calling.commands import call_commands, dial
from calling.machine import inputs
from calling.machine.plan import PeerMode
from calling.management.commands import sweep as sweep_command
from calling.media.session import rows as session_rows
from calling.media.worker import lease
from calling.runtime import nudge
from calling.waiting import Waiting
from calling.webhooks import delivery_queue
from calling.webhooks.publish import publish_waiting
from rest import errors
from tests.simulation.faults import Bus, Faults, Tasks
from tests.simulation.laws import Laws
from tests.simulation.sql import drop_connection
from tests.simulation.world import Actor, Killed, World
from tests.support.fake_worker import ANSWER_SDP, SDP
from tests.support.rest_client import client
from tokens.subjects import TokenHolder

T = TypeVar("T")
OTHERS_SECONDS, IDLE_SECONDS = 1.0, 0.5  # rarer than in the product: most rounds find nothing
AWAY = (OperationalError, InterfaceError)  # anything else is a fault of a statement, and ends the run


def guarded(world: World, work: Callable[[], T], otherwise: T) -> T:
    """A round of a loop of the product: PostgreSQL away is waited out."""
    try:
        return work()
    except AWAY:
        connection.close()
        world.pause(1.0, "waits for PostgreSQL")
        return otherwise


class Sweep:
    """`manage.py sweep` without its loops' tasks: the same rounds one after the other."""

    def __init__(self, world: World, bus: Bus, name: str) -> None:
        self.world = world
        self.actor = world.actor(name, self.run, at=world.dice.uniform(0, 1))
        bus.listen(self.actor, nudge.PUBLISH)

    def run(self, actor: Actor) -> None:
        sweep.Rounds.begin()
        others = 0.0
        while True:
            found = guarded(self.world, partial(sweep_command.look_once, True), Waiting())
            if "deadlines" in found.names:
                guarded(self.world, sweep_command.sweep_due, 0.02)
            if self.world.now >= others:
                for name, broom, _ in sweep.BROOMS:
                    if name in found.names:
                        guarded(self.world, broom, 0)
                guarded(self.world, presence.forget_devices, 0)
                others = self.world.now + OTHERS_SECONDS
            left = sweep_command.pause_before(found.deadline)
            self.world.pause(left if left < sweep_command.BROOM_SECONDS else IDLE_SECONDS, "waits")


class Publisher:
    def __init__(self, world: World, bus: Bus, name: str) -> None:
        self.world = world
        self.actor = world.actor(name, self.run, at=world.dice.uniform(0, 1))
        bus.listen(self.actor, nudge.PUBLISH)

    def run(self, actor: Actor) -> None:
        while True:
            actor.inbox.clear()
            if not guarded(self.world, publish_waiting, 0):
                self.world.pause(sweep_command.BROOM_SECONDS, "waits", waits=True)


class Receiver:
    """Gets webhooks: `well` answers 200, `flaky` 500, `slow` too late, `gone` 410, `cut` breaks off."""

    def __init__(self, world: World, faults: Faults, laws: Laws, temper: str) -> None:
        self.world, self.faults, self.laws, self.temper = world, faults, laws, temper
        self.down_until = 0.0

    def take(self, endpoint_id: str, message_id: str, body: bytes) -> tuple[int | None, str]:
        """(status, error) as the client would report it."""
        dice, world = self.world.dice, self.world
        world.pause(dice.uniform(0.001, 0.05), f"posts to {self.temper}")
        temper = self.temper if self.faults.on or self.temper == "gone" else "well"
        if temper == "flaky" and world.now >= self.down_until and dice.random() < 0.02:
            self.down_until = world.now + dice.uniform(1, 60)
        if temper == "flaky" and world.now < self.down_until:
            world.counts["receiver down"] += 1
            return None, "connect: refused"
        if temper == "slow" and dice.random() < 0.1:
            world.counts["receiver slow"] += 1
            self.laws.delivered(endpoint_id, message_id, body, True)
            world.pause(dice.uniform(1, 40), "waits for an answer")
            return None, "timeout"
        if temper == "cut" and dice.random() < 0.1:
            world.counts["receiver cut"] += 1
            self.laws.delivered(endpoint_id, message_id, body, True)
            return None, "read: cut off"
        status = 410 if temper == "gone" and dice.random() < 0.05 else 200
        if temper == "flaky" and dice.random() < 0.2:
            status = 500
            world.counts["receiver 500"] += 1
        self.laws.delivered(endpoint_id, message_id, body, status == 200)
        return status, ""


class Deliverer:
    """Claims, tries and settles, one delivery after the other: the queue's own statements, no sockets."""

    def __init__(self, world: World, bus: Bus, receivers: dict[str, Receiver], laws: Laws, name: str) -> None:
        self.world, self.receivers, self.laws = world, receivers, laws
        self.actor = world.actor(name, self.run, at=world.dice.uniform(0, 1))
        bus.listen(self.actor, nudge.PUBLISH)

    def run(self, actor: Actor) -> None:
        unsettled: list[delivery_queue.DeliveryResult] = []
        while True:
            actor.inbox.clear()
            asked = self.world.now
            claimed = guarded(self.world, lambda: delivery_queue.claim(8, Counter()), [])
            given = self.world.now
            for each in claimed:
                at = clock.now()
                self.laws.posts(each.id, actor, asked, given)
                status, error = self.receivers[str(each.endpoint_id)].take(
                    str(each.endpoint_id), each.message_id, each.body
                )
                self.laws.posted(each.id, actor)
                unsettled.append(delivery_queue.DeliveryResult(each, at, status, 10, error))
                if guarded(self.world, lambda: (delivery_queue.settle(unsettled), True)[1], False):
                    unsettled.clear()
            if unsettled and guarded(self.world, lambda: (delivery_queue.settle(unsettled), True)[1], False):
                unsettled.clear()
            if not claimed:
                self.world.pause(0.5, "waits", waits=True)


class Worker:
    """A media worker: lease, heartbeat, sessions and signals under their fence. Its peers are the plan's."""

    def __init__(self, world: World, bus: Bus, tasks: Tasks, laws: Laws, name: str) -> None:
        self.world, self.tasks, self.laws, self.name = world, tasks, laws, name
        self.actor = world.actor(name, self.run, at=world.dice.uniform(0, 1))
        tasks.workers.append(self.actor)
        bus.listen(self.actor, nudge.MEDIA)

    def run(self, actor: Actor) -> None:
        worker_id = self.worker_id = clock.new_id()
        lock_key = worker_id.int >> 64 & (2**62 - 1)
        sessions: dict[str, int] = {}
        connected: set[str] = set()
        beat = look = 0.0
        guarded(self.world, lambda: self.beat(worker_id, lock_key, sessions), None)
        while True:
            if self.world.now >= beat:
                beat = self.world.now + 1.0
                guarded(self.world, lambda: self.beat(worker_id, lock_key, sessions), None)
            task = self.tasks.take()
            if task is not None and task[0] not in sessions:
                held = guarded(self.world, partial(lease.claim, *task, worker_id), None)
                if held is not None:
                    self.laws.claimed(task[0], held, actor)
                    sessions[task[0]] = held
                    look = 0.0
            nudged = {str(message.get("session")) for _, message in actor.inbox}
            actor.inbox.clear()
            for session_id in list(sessions):
                if self.world.now >= look or session_id in nudged:
                    guarded(self.world, partial(self.carry, session_id, sessions, connected), None)
            if self.world.now >= look:
                look = self.world.now + 2.0
            self.world.pause(max(0.01, min(beat, look) - self.world.now), "waits", waits=True)

    def beat(self, worker_id: UUID, lock_key: int, sessions: dict[str, int]) -> None:
        words = {
            "id": worker_id, "name": self.name, "host": "sim", "pid": 1, "media_address": "127.0.0.1",
            "lock_key": lock_key, "budget": 1000, "legs": 0, "cpu": 0.0, "lag": 0.0, "draining": False,
            "lease": lease.LEASE_SECONDS, "sessions": list(sessions), "epochs": list(sessions.values()),
            "compare": False,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock_key])
            cursor.execute(lease.BEAT, words)
            kept = {str(row[0]) for row in cursor.fetchall()}
        for session_id in [each for each in sessions if each not in kept]:
            del sessions[session_id]

    def carry(self, session_id: str, sessions: dict[str, int], connected: set[str]) -> None:
        epoch = sessions[session_id]
        snapshot = session_rows.read(session_id, self.worker_id, frozenset(), frozenset())
        if not snapshot.calls:
            if lease.finish(session_id, epoch):
                sessions.pop(session_id, None)
            return
        try:
            for call in snapshot.calls:
                if not call.carried:
                    self.tell(session_id, epoch, call.id, inputs.SessionTaken())
            for peer in snapshot.plan.peers:
                if peer.mode is PeerMode.ANSWER and not peer.answered:
                    made = inputs.AnswerMade(peer.leg_id, ANSWER_SDP, peer.serial)
                    self.tell(session_id, epoch, peer.call_id, made)
                if peer.peer_id not in connected:
                    self.world.pause(self.world.dice.uniform(0.05, 0.4), "connects media")
                    if self.world.dice.random() < 0.03:
                        self.tell(session_id, epoch, peer.call_id, inputs.MediaFailed(peer.peer_id))
                    else:
                        self.tell(session_id, epoch, peer.call_id, inputs.MediaConnected(peer.peer_id))
                    connected.add(peer.peer_id)
        except control.StaleEpoch:
            self.world.counts["stale epoch refused"] += 1
            sessions.pop(session_id, None)

    def tell(self, session_id: str, epoch: int, call_id: str, value: Any) -> None:
        self.actor.fence = (session_id, epoch)
        try:
            control.apply(call_id, value, fence=(session_id, epoch))
        except errors.NotFound:
            pass
        finally:
            self.actor.fence = None


class Budget:
    """How many calls are still to be placed in the whole world, and whether it is time to go home."""

    def __init__(self, calls: int) -> None:
        self.left, self.placed, self.home = calls, 0, False

    def take(self) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return True


class Requests:
    """What a web process does for somebody outside. It may die at any statement; then there is no answer."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ask(self, actor: Actor, work: Callable[[], T]) -> T | None:
        """`work` in a web process; None where it had no answer or was refused."""
        try:
            return work()
        except Killed:
            if self.world.over:
                raise
            actor.dead = False
            self.world.reborn(actor)
            self.world.enter(actor)
            self.world.counts["web process killed"] += 1
            return None
        except AWAY:
            drop_connection()
            self.world.enter(actor)
            return None
        except (errors.ApiError, inputs.Refused):
            return None


class Device(Requests):
    """A subscriber with one phone: it calls, rings, answers, talks, holds, vanishes and comes back."""

    def __init__(
        self, world: World, bus: Bus, budget: Budget, holder: TokenHolder, others: list[str], name: str
    ) -> None:
        super().__init__(world)
        self.budget, self.holder, self.others = budget, holder, others
        self.device_id: str | None = None
        self.renewed = 0.0
        self.actor = world.actor(name, self.run, at=world.dice.uniform(0, 2))
        bus.listen(self.actor, nudge.EDGE)

    def run(self, actor: Actor) -> None:
        dice = self.world.dice
        while True:
            actor.inbox.clear()
            if self.device_id is None or self.world.now - self.renewed > 4:
                self.ask(actor, self.come)
            for call_id, state in self.ask(actor, self.mine) or []:
                self.act(actor, call_id, state)
            if not self.budget.home and dice.random() < 0.35 and self.budget.take():
                self.call(actor)
            if not self.budget.home and dice.random() < 0.03:
                self.vanish(actor)
            self.world.pause(dice.expovariate(1 / 1.5), "waits", waits=dice.random() < 0.5)

    def come(self) -> None:
        device = presence.device_online(
            self.holder.project_id, self.holder.subscriber_id, uuid.UUID(int=1), device_id=self.device_id
        )
        self.device_id, self.renewed = str(device.id), self.world.now

    def vanish(self, actor: Actor) -> None:
        """Away without a word, or said by its socket; back after a while, with the same id."""
        if self.device_id is not None and self.world.dice.random() < 0.5:
            self.ask(actor, lambda: presence.device_offline(self.device_id or ""))
        self.world.counts["device away"] += 1
        self.world.pause(self.world.dice.uniform(0.5, 25), "is away")
        self.renewed = -100.0

    def call(self, actor: Actor) -> None:
        claim, body = clock.new_id(), {"to": self.world.dice.choice(self.others), "sdp": SDP}
        for _ in range(4):
            made = self.ask(
                actor, partial(dial.dial, self.holder, body, device_id=self.device_id, claim=claim)
            )
            if made is not None:
                self.budget.placed += 1
                return
            self.world.pause(self.world.dice.uniform(0.2, 2), "tries again")

    def mine(self) -> list[tuple[str, str]]:
        """The calls that ring this phone, or that it talks in."""
        rung = models.Attempt.objects.filter(device_id=self.device_id, state="ringing", leg__state="ringing")
        found = [(str(call_id), "rings") for call_id in rung.values_list("leg__call_id", flat=True)]
        legs = models.Leg.objects.filter(device_id=self.device_id).exclude(state="ended").order_by("id")
        return found + [(str(call_id), state) for call_id, state in legs.values_list("call_id", "state")]

    def act(self, actor: Actor, call_id: str, state: str) -> None:
        throw, words = self.world.dice.random(), self.holder
        command: Callable[..., object] | None = None
        body: dict[str, object] = {}
        if self.budget.home:
            command = call_commands.hangup
        elif state == "rings":
            if throw < 0.6:
                command, body = call_commands.answer, {"sdp": SDP}
            elif throw < 0.75:
                command = call_commands.reject
        elif throw < 0.12:
            command = call_commands.hangup
        elif state == "answered" and throw < 0.2:
            command = call_commands.hold
        elif state == "answered" and throw < 0.3:
            command = call_commands.resume
        elif state == "answered" and throw < 0.36:
            command = self.world.dice.choice([call_commands.mute, call_commands.unmute])
        elif state == "answered" and throw < 0.44:
            command, body = call_commands.transfer, {"to": self.world.dice.choice(self.others)}
        if command is not None:
            self.ask(actor, partial(command, words, call_id, body, self.device_id))


class BackEnd(Requests):
    """A back end with the API key: it joins two people, and repeats a request until it is answered."""

    def __init__(self, world: World, budget: Budget, auth: str, people: list[str], name: str) -> None:
        super().__init__(world)
        self.budget, self.people, self.rest = budget, people, client(auth)
        self.ids: dict[str, set[str]] = {}
        self.actor = world.actor(name, self.run, at=world.dice.uniform(0, 2))

    def run(self, actor: Actor) -> None:
        dice = self.world.dice
        while True:
            self.world.pause(dice.expovariate(1 / 4), "waits")
            if self.budget.home or not self.budget.take():
                continue
            first, second = dice.sample(self.people, 2)
            key, body = str(clock.new_id()), {"to": first, "connect": second}
            for _ in range(6):
                got = self.ask(actor, partial(self.rest.post, "/api/calls", body, HTTP_IDEMPOTENCY_KEY=key))
                if got is not None and got.status_code == 201:
                    self.ids.setdefault(key, set()).add(got.json()["id"])
                    self.budget.placed += 1
                    if dice.random() < 0.8:
                        break
                elif got is not None and got.status_code < 500 and got.status_code not in (409, 429):
                    break
                self.world.pause(dice.uniform(0.2, 3), "tries again")
