"""The product's processes in the simulated world: sweeps, publishers, deliverers and media workers.

Each runs the product's own functions, claims, leases, schedule and sweep, with the pace of the real process.
Media are played at the level of the plan, and receivers of webhooks in memory. Must not live here: who asks
the product for something (`people`), and the SIP edge (`sip_edge`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

import clock
from calling import presence, sweep
from calling.calls import control
from calling.machine import inputs
from calling.machine.plan import PeerMode
from calling.management.commands import sweep as sweep_command
from calling.media.session import rows as session_rows
from calling.media.worker import heartbeat, lease
from calling.retention import forget_all
from calling.runtime import nudge
from calling.waiting import Waiting
from calling.webhooks import delivery_queue, delivery_results
from calling.webhooks.publish import Published, publish_round
from rest import errors
from tests.simulation.faults import Bus, Faults, Tasks
from tests.simulation.laws import Laws
from tests.simulation.sql import drop_connection
from tests.simulation.world import Actor, World
from tests.support.fake_worker import ANSWER_SDP, SDP

T = TypeVar("T")
ROOM = 80  # tries of a deliverer at once; more than are kept for quiet projects
DAY = 86400.0
TOGETHER_SECONDS = 0.05  # answers that come within it are settled together
QUEUE = frozenset({"calling_delivery", "calling_webhookendpoint"})
# What the looks of a sweep ask for (`calling.waiting`), and what its jobs read.
SWEPT = frozenset(
    f"calling_{name}"
    for name in (
        "call", "leg", "mediasession", "mediaworker", "phonecharge", "device", "presencelease", "event",
        "webhookendpoint", "alert", "staffaction", "meeting", "recording", "pushring", "pushsubscription",
    )
) | {"subscribers_project"}  # fmt: skip
LOG = frozenset({"calling_event"})
AWAY = (OperationalError, InterfaceError)  # anything else is a fault of a statement, and ends the run


def guarded(world: World, work: Callable[[], T], otherwise: T) -> T:
    """A round of a loop of the product: PostgreSQL away is waited out."""
    try:
        return work()
    except AWAY as error:
        if connection.connection is None or connection.connection.closed:
            drop_connection()
            world.enter(world.running)  # type: ignore[arg-type]
            world.pause(1.0, "waits for PostgreSQL")
        else:
            world.pause(0.1, f"was refused: {error}"[:60])
        return otherwise


class Sweep:
    """`manage.py sweep` without its loops' tasks: the same rounds one after the other."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.sleeps_until = 0.0  # nobody dials before
        self.actor = world.actor(name, self.run)

    def run(self, actor: Actor) -> None:
        sweep.Rounds.begin()
        world, rounds = self.world, {name: 0.0 for name, _, _ in sweep.JOBS}
        devices = forgets = 0.0
        while True:
            seen = world.version(SWEPT)
            found = guarded(world, partial(sweep_command.look_once, True), Waiting())
            if "events" in found.names:
                guarded(world, publish_round, Published())
            if "deadlines" in found.names:
                guarded(world, sweep_command.sweep_due, 0.02)
            for name, job, pause in sweep.JOBS:
                if name in found.names and world.now >= rounds[name]:
                    rounds[name] = world.now + pause
                    guarded(world, job, 0)
            slower = 60 if self.sleeps_until > world.now + 3600 else 1  # in days without a call
            if world.now >= devices:
                devices = world.now + slower * sweep_command.FORGET_DEVICES_SECONDS
                self.forget(actor, presence.forget_devices)
            if world.now >= forgets:
                forgets = world.now + slower * self.FORGET_SECONDS
                self.forget(actor, forget_all)
            self.rest(found, seen, min(devices, forgets))

    def forget(self, actor: Actor, work: Callable[[], int]) -> None:
        """What is old enough to be deleted gives nobody anything to do, but that a reader of the log may have
        stood there."""
        actor.quiet = True
        try:
            forgot = guarded(self.world, work, -1)
        finally:
            actor.quiet = False
        if forgot:
            self.world.wrote(LOG)

    FORGET_SECONDS = 300.0  # an hour in the product, which keeps events for days and not for minutes

    def rest(self, found: Waiting, seen: int, until: float) -> None:
        """Until the next look. PostgreSQL would have answered those that are left out."""
        period, began = sweep_command.pause_before(found.deadline), self.world.now
        until = max(until, began + period)
        self.world.rest(period, seen, minds=SWEPT, until=until, looks="sweep")
        last = sweep.Rounds.last
        if last is not None and last >= began + 999.0:  # of this life, and before it rested
            sweep.Rounds.last = max(last, clock.monotonic() - period)


class Publisher:
    """What publishes as soon as it is nudged, beside the sweeps' looks."""

    def __init__(self, world: World, bus: Bus, name: str) -> None:
        self.world = world
        self.actor = world.actor(name, self.run)
        bus.listen(self.actor, nudge.PUBLISH)

    def run(self, actor: Actor) -> None:
        while True:
            if actor.mail():
                guarded(self.world, publish_round, Published())
            else:
                self.world.rest(DAY, self.world.version(), until=self.world.now + DAY)


class Receiver:
    """Gets webhooks: `well` answers 200, `flaky` 500, `slow` too late, `gone` 410, `cut` breaks off.

    `away` is down for days once; a good one otherwise.
    """

    def __init__(self, world: World, faults: Faults, laws: Laws, temper: str) -> None:
        self.world, self.faults, self.laws, self.temper = world, faults, laws, temper
        self.down_until = 0.0

    def take(
        self, dice: Any, endpoint_id: str, message_id: str, body: bytes
    ) -> tuple[float, int | None, str]:
        """(seconds until the answer, status, error) as the client would report it."""
        world, temper = self.world, self.temper
        if not self.faults.on and temper not in ("gone", "away"):
            temper = "well"
        seconds = dice.uniform(0.001, 0.05)
        if temper == "flaky" and world.now >= self.down_until and dice.random() < 0.02:
            self.down_until = world.now + dice.uniform(1, 60)
        if world.now < self.down_until and temper in ("flaky", "away"):
            world.counts["receiver down for days" if temper == "away" else "receiver down"] += 1
            return seconds, None, "connect: refused"
        if temper == "slow" and dice.random() < 0.1:
            world.counts["receiver slow"] += 1
            self.laws.delivered(endpoint_id, message_id, body, True)
            return dice.uniform(1, 14), None, "timeout"
        if temper == "cut" and dice.random() < 0.1:
            world.counts["receiver cut"] += 1
            self.laws.delivered(endpoint_id, message_id, body, True)
            return seconds, None, "read: cut off"
        status = 410 if temper == "gone" and dice.random() < 0.05 else 200
        if temper == "flaky" and dice.random() < 0.2:
            status = 500
            world.counts["receiver 500"] += 1
        self.laws.delivered(endpoint_id, message_id, body, status == 200)
        return seconds, status, ""


@dataclass
class Flight:
    """A try under way, and when its answer comes."""

    lands: float
    result: delivery_results.DeliveryResult


class Deliverer:
    """Claims, tries and settles, several at once: the queue's own statements, no sockets."""

    def __init__(self, world: World, bus: Bus, receivers: dict[str, Receiver], laws: Laws, name: str) -> None:
        self.world, self.receivers, self.laws = world, receivers, laws
        self.projects: dict[UUID, UUID] = {}  # of endpoints
        self.actor = world.actor(name, self.run)
        bus.listen(self.actor, nudge.PUBLISH)

    def run(self, actor: Actor) -> None:
        world = self.world
        flying: list[Flight] = []
        unsettled: list[delivery_results.DeliveryResult] = []
        while True:
            actor.mail()
            landed = [each for each in flying if each.lands <= world.now]
            flying = [each for each in flying if each.lands > world.now]
            actor.claims = bool(landed or flying or unsettled)
            for each in landed:
                self.laws.posted(each.result.claimed.id, actor)
            unsettled += [each.result for each in landed]
            if unsettled and guarded(world, partial(self.settle, unsettled), False):
                unsettled.clear()
            seen = world.version(QUEUE)
            if len(flying) < ROOM:
                busy = Counter(each.result.claimed.endpoint_id for each in flying)
                flying += self.claim(actor, ROOM - len(flying), busy)
            actor.claims = bool(flying or unsettled)
            if unsettled:
                world.pause(0.5, "keeps what it could not settle")
                continue
            next_one = min((each.lands for each in flying), default=float("inf"))
            until = max(next_one, world.now + TOGETHER_SECONDS)
            world.rest(sweep_command.DELIVER_SECONDS, seen, minds=QUEUE, until=until, looks="deliveries")

    def settle(self, tried: list[delivery_results.DeliveryResult]) -> bool:
        delivery_results.settle(tried)
        return True

    def claim(self, actor: Actor, room: int, busy: Counter[UUID]) -> list[Flight]:
        """A claim that finds nothing gives nobody work."""
        asked = self.world.now
        actor.quiet = True
        claimed = None
        try:
            claimed = guarded(self.world, lambda: delivery_queue.claim(room, busy), [])
        finally:
            actor.quiet = False
            if claimed != []:
                self.world.wrote(QUEUE)
        projects: Counter[UUID] = Counter()
        for endpoint_id, count in busy.items():
            projects[self.projects[endpoint_id]] += count
        for each in claimed or ():
            if each.project_id is not None:
                self.projects[each.endpoint_id] = each.project_id
        self.laws.chosen(actor, projects, claimed or ())
        given, flights = self.world.now, []
        for each in claimed:
            if each.has_lapsed():
                continue
            self.laws.posts(each.id, actor, asked, given)
            endpoint_id = str(each.endpoint_id)
            seconds, status, error = self.receivers[endpoint_id].take(
                actor.dice, endpoint_id, each.message_id, each.body
            )
            result = delivery_results.DeliveryResult(each, clock.now(), status, 10, error)
            flights.append(Flight(self.world.now + seconds, result))
        return flights


class Worker:
    """A media worker: lease, heartbeat, sessions and signals under their fence. Its peers are the plan's."""

    def __init__(self, world: World, bus: Bus, tasks: Tasks, laws: Laws, name: str) -> None:
        self.world, self.tasks, self.laws, self.name = world, tasks, laws, name
        self.actor = world.actor(name, self.run)
        self.sleeps_until = 0.0  # nobody dials before, so an idle one need not say that it lives
        tasks.workers.append(self.actor)
        self.sessions: dict[str, int] = {}
        bus.listen(self.actor, nudge.MEDIA, lambda message: message.get("session") in self.sessions)

    def run(self, actor: Actor) -> None:
        world = self.world
        self.worker_id = clock.new_id()
        self.locked: object = None
        self.sessions.clear()
        self.compared_rows: dict[str, lease.Comparison] = {}
        self.connected: set[str] = set()
        self.compared = self.strays_sought = beat = 0.0
        while True:
            changed: set[str] = set()
            if world.now >= beat:
                beat = world.now + heartbeat.BEAT_SECONDS
                changed = guarded(world, partial(self.beat, actor), set())
            task = self.tasks.take()
            if task is not None and task[0] not in self.sessions:
                held = guarded(world, partial(lease.claim, *task, self.worker_id), None)
                if held is not None:
                    self.laws.claimed(task[0], held.epoch, actor)
                    self.sessions[task[0]] = held.epoch
                    guarded(world, partial(self.carry, task[0]), None)
            nudged = {str(message.get("session")) for _, message in actor.mail()}
            for session_id in [each for each in self.sessions if each in nudged or each in changed]:
                guarded(world, partial(self.carry, session_id), None)
            if not self.sessions and self.sleeps_until > world.now + 10:
                world.rest(1.0, world.version(), until=self.sleeps_until - 5)
            else:
                world.pause(max(0.01, beat - world.now), "waits", waits=True)

    def beat(self, actor: Actor) -> set[str]:
        """What it says moves its leases on, so nobody has anything to find by it. Returns the sessions whose
        plan may have changed without a nudge."""
        actor.quiet = True
        try:
            return self.say_alive()
        finally:
            actor.quiet = False

    def say_alive(self) -> set[str]:
        now = self.world.now
        compare = now - self.compared >= heartbeat.COMPARE_SECONDS
        lock_key = self.worker_id.int >> 64 & (2**62 - 1)
        words = {
            "id": self.worker_id, "name": self.name, "host": "sim", "pid": 1, "media_address": "127.0.0.1",
            "lock_key": lock_key, "budget": 1000, "legs": 0, "cpu": 0.0, "lag": 0.0, "draining": False,
            "sessions": list(self.sessions), "epochs": list(self.sessions.values()), "compare": compare,
        }  # fmt: skip
        with connection.cursor() as cursor:
            if self.locked is not connection.connection:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock_key])
                self.locked = connection.connection
            cursor.execute(lease.BEAT, words)
            kept = {str(session): number and int(number) for session, number in cursor.fetchall()}
            if now - self.strays_sought >= heartbeat.STRAYS_SECONDS:
                self.strays_sought = now
                self.let_go_strays(cursor)
        for session_id in [each for each in self.sessions if each not in kept]:
            del self.sessions[session_id]
        if not compare:
            return set()
        self.compared = now
        self.laws.compared(self.actor, sorted(kept))
        rows = {each: self.compared_rows.get(each) or lease.Comparison() for each in kept}
        self.compared_rows = rows
        return {each for each, number in kept.items() if rows[each].changed(number)}

    def let_go_strays(self, cursor: Any) -> None:
        words: dict[str, Any] = {"worker": self.worker_id, "carried": list(self.sessions)}
        cursor.execute(lease.STRAYS, words)
        for session_id, epoch in sorted(cursor.fetchall()):
            cursor.execute(lease.LET_GO, words | {"session": session_id, "epoch": epoch})
            self.world.wrote()
            self.world.counts["strays let go"] += 1

    def carry(self, session_id: str) -> None:
        if session_id not in self.sessions:
            return
        try:
            self.look(session_id, self.sessions[session_id])
        except control.StaleEpoch:
            self.world.counts["stale epoch refused"] += 1
            self.sessions.pop(session_id, None)
        except AWAY:
            self.compared_rows.pop(session_id, None)  # it looks again at the next comparison
            raise

    def look(self, session_id: str, epoch: int) -> None:
        snapshot = session_rows.read(session_id, self.worker_id, frozenset(), frozenset())
        if not snapshot.calls:
            if lease.finish(session_id, epoch):
                self.sessions.pop(session_id, None)
            return
        dice = self.actor.dice
        for call in snapshot.calls:
            if not call.carried:
                self.tell(session_id, epoch, call.id, inputs.SessionTaken())
        for peer in snapshot.plan.peers:
            if peer.mode is PeerMode.ANSWER and not peer.answered:
                made: inputs.Input = inputs.AnswerMade(peer.leg_id, ANSWER_SDP, peer.serial)
                self.tell(session_id, epoch, peer.call_id, made)
            elif peer.mode is PeerMode.OFFER:
                if not peer.answered:
                    made = inputs.OfferMade(peer.peer_id, SDP)
                    self.tell(session_id, epoch, peer.call_id, made)
                continue  # its far end has yet to answer
            if peer.peer_id not in self.connected:
                self.world.pause(dice.uniform(0.05, 0.4), "connects media")
                failed = dice.random() < 0.03
                made = (inputs.MediaFailed if failed else inputs.MediaConnected)(peer.peer_id)
                self.tell(session_id, epoch, peer.call_id, made)
                self.connected.add(peer.peer_id)

    def tell(self, session_id: str, epoch: int, call_id: str, value: Any) -> None:
        self.actor.fence = (session_id, epoch)
        try:
            control.apply(call_id, value, fence=(session_id, epoch))
        except errors.NotFound:
            pass
        finally:
            self.actor.fence = None
