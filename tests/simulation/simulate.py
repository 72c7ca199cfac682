"""One run: a world of a schedule, its actors, so many calls among faults, a minute of peace, and the laws."""

from __future__ import annotations

import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import django.utils.timezone
from django.apps import apps
from django.db import models as django_models
from django.test.utils import override_settings

from calling import models, sweep
from calling.api import view
from calling.calls import event_days
from calling.media_sessions import placement
from calling.runtime import nudge
from calling.webhooks import delivery_queue, redelivery
from subscribers import row_security
from tests.simulation import sql
from tests.simulation.cast import Cast, populate
from tests.simulation.faults import Bus, Fault, Faults, Tasks
from tests.simulation.laws import LATE, Laws
from tests.simulation.people import Budget, Staff
from tests.simulation.processes import DAY, Deliverer, Publisher, Sweep, Worker
from tests.simulation.schedule import Schedule
from tests.simulation.sip_edge import SipEdge
from tests.simulation.sql import Database
from tests.simulation.world import Actor, Broken, World
from tokens import authentication, rate_limits, revocation

PEACE_SECONDS = 60.0
HOME_SECONDS = 45.0  # until then everybody has left their calls
LAW_STEPS = 150  # switches of the baton between two looks at the laws
KEPT_DAYS = 600 / DAY  # events, ten minutes
# How likely, in ten seconds of ordinary people, nobody dials for a while: some longer than events are kept.
NIGHT, AWAKE_SECONDS = 0.04, 60.0
# What no worker may be taken for lost for.
HARMLESS = frozenset({"postgresql away", "redis away", "nudge lost", "nudge late", "nudge twice"})
LEFT_MOST = 20 * DAY


@dataclass
class Outcome:
    """What a run came to."""

    seed: int
    calls: int
    digest: str
    simulated: float
    wall: float
    cpu: float
    steps: int
    counts: Counter[str]
    broken: str | None = None
    tail: list[str] = field(default_factory=list)
    checks: int = 0
    happened: list[Fault] = field(default_factory=list)
    skipped: int = 0  # looks that were left out because they would have found nothing
    idle: float = 0.0  # seconds simulated in which nobody called: nights, and days until receivers were up
    pace: float = 1.0

    def again(self) -> str:
        pace = f" PACE={self.pace:g}" if self.pace != 1.0 else ""
        return f"make simulate SEED={self.seed} CALLS={self.calls}{pace}"

    def said(self) -> dict[str, Any]:
        """For another process, as JSON."""
        return {
            "again": self.again(), "simulated": self.simulated, "busy": self.simulated - self.idle,
            "wall": self.wall, "cpu": self.cpu, "counts": dict(self.counts), "broken": self.broken,
        }  # fmt: skip

    def text(self) -> str:
        faults = " ".join(f"{name}={number}" for name, number in sorted(self.counts.items()))
        times = (self.simulated - self.idle) / max(self.wall, 0.001)
        seed = (
            f"seed {self.seed}: {self.calls} calls, {self.steps} steps, laws held {self.checks} times, "
            f"log {self.digest[:16]}"
        )
        busy = (
            f"{self.simulated - self.idle:.0f} s, and {self.idle:.0f} s of nights and waiting, simulated in"
        )
        speed = f"{busy} {self.wall:.1f} s ({times:.1f} x without those)"
        left = f"{self.skipped} looks left out"
        lines = [seed, f"  {speed}, of processor {self.cpu:.1f} s, {left}", "  " + faults]
        return "\n".join([*lines, f"  BROKEN {self.broken}"] if self.broken else lines)


@contextmanager
def seams(world: World, bus: Bus, tasks: Tasks) -> Iterator[None]:
    """The product's clock, ids, Redis and Celery are the world's."""
    with ExitStack() as stack:
        stack.enter_context(world.clocks())
        stack.enter_context(sql.connections_of_actors(world))
        for place, name, value in (
            (django.utils.timezone, "now", world.moment),
            (nudge, "client", lambda: bus),
            (placement, "current_app", tasks),
            (rate_limits._Alone, "redis_failed_at", float("inf")),
            (rate_limits._Alone, "buckets", {}),
            (authentication, "_keys", {}),
            (revocation, "_looked", {}),
            (row_security, "_usable", {}),
            (row_security, "_keys", {}),
            (event_days, "_kept", {}),
            (view, "ANSWER_SECONDS", 0.3),
        ):
            stack.enter_context(mock.patch.object(place, name, value))
        for each in apps.get_models():
            for one in each._meta.fields:
                if isinstance(one, django_models.UUIDField) and one.default is uuid.uuid4:
                    stack.enter_context(mock.patch.object(one, "_get_default", world.new_id))
        stack.enter_context(
            override_settings(
                CALLWRIGHT_DIALS_PER_SECOND=100_000,
                CALLWRIGHT_RETENTION_DAYS=KEPT_DAYS,
            )
        )
        yield


class ProcessState:
    """Module variables that each process has for itself: put in and taken out as the baton goes round."""

    def __init__(self, world: World) -> None:
        self.world, self.fresh = world, self.read()
        self.holds: Actor | None = None

    @staticmethod
    def read() -> dict[str, Any]:
        return {
            "last": sweep.Rounds.last, "quiet": sweep.Rounds.quiet_until, "failed": nudge.Health.failed_at,
        }  # fmt: skip

    def swap(self, actor: Actor) -> None:
        state = actor.state or {"last": None, "quiet": 0.0, "failed": 0.0}
        sweep.Rounds.last, sweep.Rounds.quiet_until = state["last"], state["quiet"]  # type: ignore[assignment]
        nudge.Health.failed_at = state["failed"]  # type: ignore[assignment]

    def keep(self, actor: Actor) -> None:
        actor.state = self.read()


@contextmanager
def claims_without_ties() -> Iterator[None]:
    """Of deliveries due at the same moment a claim takes those that an index has first, which depends on
    where PostgreSQL put them; sorting all would make a backlog dear. Here the lowest ids are taken."""
    text = delivery_queue.CLAIM
    for column in ("next_at", "tried_at"):
        part = f"ORDER BY d.{column} LIMIT"
        assert part in text
        text = text.replace(part, f"ORDER BY d.{column}, d.id LIMIT")
    with mock.patch.object(delivery_queue, "CLAIM", text):
        yield


@claims_without_ties()
def simulate(
    schedule: Schedule, *, faults: bool = True, progress: Callable[[str], None] | None = None
) -> Outcome:
    """Run a world of this schedule in the database of this thread's connection, which is emptied first."""
    sql.make_clocks()
    sql.empty()
    world = World(schedule.seed)
    database = Database(world)
    trouble = Faults(world, database)
    trouble.on, trouble.only, trouble.scheduled = faults, schedule.only, schedule.faults
    bus = Bus(world, trouble)
    tasks, laws = Tasks(world, trouble, bus), Laws(world, database)
    began, cpu, broken = time.monotonic(), time.process_time(), None
    with seams(world, bus, tasks):
        try:
            play(world, bus, tasks, trouble, laws, schedule, progress)
        except Broken as law:
            broken = str(law)
        except Exception as error:
            broken = f"{type(error).__name__}: {error}"
            world.tail += traceback.format_exception(error)
        finally:
            world.end()
            database.close()
            sql.drop_clocks()
    return Outcome(
        schedule.seed,
        schedule.calls,
        world.digest.hexdigest(),
        world.now,
        time.monotonic() - began,
        time.process_time() - cpu,
        world.steps,
        world.counts,
        broken,
        world.tail,
        laws.checked,
        trouble.happened,
        world.skipped,
        sum(min(end, world.now) - begun for begun, end in world.nights),
        schedule.pace,
    )


def play(
    world: World,
    bus: Bus,
    tasks: Tasks,
    trouble: Faults,
    laws: Laws,
    schedule: Schedule,
    progress: Callable[[str], None] | None,
) -> None:
    state, budget = ProcessState(world), Budget(schedule.calls, schedule.left_out, schedule.pace)
    world.before_step, world.kept_state = state.swap, state.keep
    laws.kept_seconds = KEPT_DAYS * DAY - 30
    cast = Cast()
    for number in range(2):
        populate(world, bus, trouble, laws, budget, number, cast)
    workers = [Worker(world, bus, tasks, laws, f"media{number}") for number in range(2)]
    sweeps = [Sweep(world, f"sweep{number}") for number in range(2)]
    for number in range(2):
        Publisher(world, bus, f"publish{number}")
        Deliverer(world, bus, cast.receivers, laws, f"deliver{number}")
        SipEdge(world, bus, f"sip{number}")
    Staff(world, laws, budget, cast.projects, cast.endpoints, "staff")
    since = seen = 0

    def after_step(actor: Actor) -> None:
        nonlocal since, seen
        since += 1
        if since >= LAW_STEPS and seen != world.version():
            since, seen = 0, world.version()
            laws.always()

    world.after_step = after_step

    def quiet_until(moment: float) -> None:
        if moment < LEFT_MOST:
            world.nights.append((world.now, moment))
        budget.quiet_until = moment
        for process in (*workers, *sweeps):
            process.sleeps_until = moment

    while budget.taken < budget.calls and world.now < LEFT_MOST:
        world.run(world.now + 10)
        awake = world.now - budget.quiet_until > AWAKE_SECONDS / schedule.pace
        if awake and world.dice.random() < NIGHT * schedule.pace:
            quiet_until(world.now + world.dice.uniform(60, 3600))
        if progress:
            placed = f"{budget.placed} of {budget.calls} calls placed"
            progress(f"{world.now:7.0f} s simulated, {placed}, {world.steps} steps")
    disturbed = trouble.on and not (schedule.only is not None and schedule.only <= HARMLESS)
    budget.home = True
    world.run(world.now + HOME_SECONDS)
    trouble.stop()
    world.run(world.now + PEACE_SECONDS)
    laws.ask(LATE)  # before days are simulated, which are dear while anything lives on
    quiet_until(LEFT_MOST * 2)
    come_back(world, cast)
    world.run(world.now + PEACE_SECONDS)
    world.counts["calls placed"] = budget.placed
    laws.finally_(cast.well)
    if not disturbed:
        laws.undisturbed()
    for endpoint in models.WebhookEndpoint.objects.filter(disabled_at=None).order_by("id"):
        temper = cast.receivers[str(endpoint.id)].temper
        world.counts[f"delivered to {temper}"] += len(laws.got[str(endpoint.id)])


def come_back(world: World, cast: Cast) -> None:
    """Who is down for days is up again; then somebody asks for what waits, as its owner would."""
    away = max((receiver.down_until for receiver in cast.receivers.values()), default=0.0)
    if away <= world.now:
        return
    world.nights.append((world.now, away + 1))
    world.run(away + 1)
    for endpoint_id, receiver in cast.receivers.items():
        if receiver.temper == "away":
            endpoint = models.WebhookEndpoint.objects.get(pk=endpoint_id)
            redelivery.replay(endpoint, after=2**40)  # nothing twice: only what waits, at once
    world.wrote()
