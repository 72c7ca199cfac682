"""What goes wrong, by the dice of the simulated world: processes, PostgreSQL, Redis, clocks and tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import redis
from django.db import OperationalError, connections
from psycopg import errors as postgres

from tests.simulation.sql import Database, read
from tests.simulation.world import Actor, World

# How likely each is at one pause, and how long it lasts at most.
KILL, FREEZE, ANSWER_LOST = 0.0006, 0.0003, 0.004
DEADLOCK, NOT_SERIALIZABLE, DISK_FULL = 0.0006, 0.0004, 0.0006
REDIS_AWAY, POSTGRES_AWAY, CLOCK_JUMP = 0.0002, 0.00006, 0.0003
NUDGE_LOST, NUDGE_TWICE, NUDGE_LATE = 0.1, 0.05, 0.1
TASK_LOST, TASK_TWICE, TASK_LATE = 0.05, 0.05, 0.1
# So much more likely where a worker writes under its fence, or what was claimed may lapse: what a zombie says
# is the danger.
FENCED, CLAIMED = 20, 5
# And so much more where somebody waits for an answer: what was begun and not ended is asked for again.
ANSWERING = 8
FROZEN_SECONDS, AWAY_SECONDS = 30.0, 6.0
# One process alone cannot reach PostgreSQL: out of the blue, or for the reason that lost it an answer.
CUT_OFF, STAYS_CUT_OFF = 0.0002, 0.5
CUT_OFF_SECONDS = 30.0  # longer than a claim holds (15): what was claimed is given to others meanwhile
SKEW = 0.4
# What PostgreSQL says where it breaks off a statement, and with it the transaction.
REFUSALS: tuple[tuple[str, float, type[postgres.Error], str], ...] = (
    ("deadlock", DEADLOCK, postgres.DeadlockDetected, "deadlock detected"),
    (
        "serialisation failure", NOT_SERIALIZABLE, postgres.SerializationFailure,
        "could not serialize access due to concurrent update",
    ),
    ("disk full", DISK_FULL, postgres.DiskFull, "could not extend file: No space left on device"),
)  # fmt: skip

Concerns = Callable[[dict[str, Any]], bool]
Fault = tuple[str, str, int]  # whom it happens to, its kind, and at which throw for it of theirs


def danger(actor: Actor) -> int:
    """How much likelier a pause of this process leaves it a zombie."""
    return FENCED if actor.fence else CLAIMED if actor.claims else 1


def halves(actor: Actor) -> int:
    """How much likelier a pause of this process, or a statement, ends its work in the midst."""
    return ANSWERING if actor.answers else 1


class Faults:
    """Throws an actor's dice at every pause of a process while `on`; or lets happen what a schedule says."""

    def __init__(self, world: World, database: Database) -> None:
        self.world, self.database = world, database
        self.on = True
        self.only: frozenset[str] | None = None  # kinds that may happen; None: all
        self.scheduled: frozenset[Fault] | None = None  # these and no others; None: by the dice
        self.happened: list[Fault] = []
        self.redis_back = self.postgres_back = 0.0
        world.before_pause, world.after_pause = self.before_pause, self.after_pause
        database.faulty = self.statement

    def happens(self, kind: str, chance: float, actor: Actor | None = None) -> bool:
        """Whether this goes wrong now, for the actor at work or another."""
        who = actor or self.world.running
        if not self.on or who is None:
            return False
        who.throws[kind] += 1
        thrown = who.mishaps.random() < chance
        fault = (who.name, kind, who.throws[kind])
        if self.scheduled is not None:
            thrown = fault in self.scheduled
        if not thrown or (self.only is not None and kind not in self.only):
            return False
        self.happened.append(fault)
        self.world.counts[kind] += 1
        self.world.note(f"FAULT {kind}")
        return True

    def stop(self) -> None:
        """From now on all goes well."""
        self.on = False
        self.redis_back = self.postgres_back = 0.0
        for actor in self.world.actors:
            actor.skew = actor.cut_off_until = 0.0

    def before_pause(self, actor: Actor, what: str) -> float:
        if not actor.process or not self.on:
            return 0.0
        dice = actor.mishaps
        if self.happens("clock jumps", CLOCK_JUMP):
            actor.skew = dice.uniform(-SKEW, SKEW)
        if self.happens("redis away", REDIS_AWAY):
            self.redis_back = self.world.now + dice.uniform(0.5, AWAY_SECONDS)
        if self.happens("postgresql away", POSTGRES_AWAY):
            self.postgres_back = self.world.now + dice.uniform(0.5, AWAY_SECONDS)
            self.world.wrote()  # who rests would have noticed
        if self.happens("frozen", FREEZE * danger(actor)):
            return dice.uniform(0.5, FROZEN_SECONDS)
        return 0.0

    def after_pause(self, actor: Actor, what: str) -> None:
        if actor.process and self.happens("killed", KILL * halves(actor)):
            self.database.die(actor)

    def statement(self, actor: Actor, when: str, sql: str) -> None:
        """Before or after a statement or a commit. Raises what PostgreSQL's client would."""
        if not actor.process:
            return
        if self.world.now < self.postgres_back:
            self.database.hang_up(actor)
            raise OperationalError("the database system is shutting down")
        if when == "before" and self.happens("cut off", CUT_OFF * danger(actor)):
            actor.cut_off_until = self.world.now + actor.mishaps.uniform(0.5, CUT_OFF_SECONDS)
        if self.world.now < actor.cut_off_until:
            self.database.hang_up(actor)
            raise OperationalError("connection timeout expired")
        if when == "after":
            if self.happens("answer lost", ANSWER_LOST):
                if self.happens("cut off", STAYS_CUT_OFF):
                    actor.cut_off_until = self.world.now + actor.mishaps.uniform(0.5, CUT_OFF_SECONDS)
                self.database.hang_up(actor)
                raise OperationalError("server closed the connection unexpectedly")
            return
        if sql == "COMMIT" or not self.on:
            return
        for kind, chance, error, text in REFUSALS:
            if kind == "disk full" and not read(sql).written:
                continue
            if self.happens(kind, chance * halves(actor)):
                wrapper = connections["default"]
                if wrapper.in_atomic_block and wrapper.connection is not None:
                    wrapper.connection.rollback()  # as PostgreSQL does
                    self.database.over(actor)
                    wrapper.needs_rollback = True
                raise OperationalError(text) from error(text)


class Bus:
    """Redis as the product uses it: publish and set, in memory. Raises redis.ConnectionError while away."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world, self.faults = world, faults
        self.listeners: dict[str, list[tuple[Actor, Concerns]]] = {}

    def listen(self, actor: Actor, channel: str, concerns: Concerns = lambda message: True) -> None:
        """`concerns`: whether the process looks because of a message, or passes over it."""
        self.listeners.setdefault(channel, []).append((actor, concerns))

    def here(self) -> None:
        if self.world.now < self.faults.redis_back:
            raise redis.ConnectionError("Redis is away")

    def set(self, key: str, value: int, ex: int) -> bool:
        """Whether it takes writes; nobody reads the key."""
        self.world.pause(0.0002, "asks redis")
        self.here()
        return True

    def publish(self, channel: str, text: str) -> int:
        self.world.pause(0.0002, f"nudges {channel}")
        self.here()
        happens = self.faults.happens
        message = json.loads(text)
        for actor, concerns in self.listeners.get(channel, []):
            if not concerns(message) or happens("nudge lost", NUDGE_LOST, actor):
                continue
            times = 2 if happens("nudge twice", NUDGE_TWICE, actor) else 1
            dice = actor.mishaps
            for _ in range(times):
                slow = happens("nudge late", NUDGE_LATE, actor)
                late = dice.uniform(0, 3) if slow else dice.uniform(0, 0.002)
                actor.inbox.append((self.world.now + late, channel, message))
                self.world.wake(actor, self.world.now + late)
        return 1


class Tasks:
    """Celery's queue of media sessions: a message may be lost, come late or twice."""

    def __init__(self, world: World, faults: Faults, bus: Bus) -> None:
        self.world, self.faults, self.bus = world, faults, bus
        self.workers: list[Actor] = []
        self.waiting: list[tuple[float, str, int]] = []

    def send_task(self, name: str, args: list[Any], **options: Any) -> None:
        self.world.pause(0.0003, "sends a task")
        self.bus.here()
        if self.faults.happens("task lost", TASK_LOST):
            return
        dice = self.world.running.mishaps if self.world.running is not None else self.world.dice
        for _ in range(2 if self.faults.happens("task twice", TASK_TWICE) else 1):
            late = dice.uniform(0, 4) if self.faults.happens("task late", TASK_LATE) else 0.001
            self.waiting.append((self.world.now + late, str(args[0]), int(args[1])))
            for actor in self.workers:
                self.world.wake(actor, self.world.now + late)

    def take(self) -> tuple[str, int] | None:
        for found in self.waiting:
            if found[0] <= self.world.now:
                self.waiting.remove(found)
                if self.world.now - found[0] > 10:
                    continue  # it expired
                return found[1], found[2]
        return None
