"""One run: a world of a seed, its actors, so many calls among faults, a minute of peace, and the laws."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

import django.utils.timezone
from django.apps import apps
from django.db import models as django_models
from django.test.utils import override_settings

from calling import models, sweep
from calling.media_sessions import placement
from calling.runtime import nudge
from subscribers import provisioning
from subscribers.encryption import seal
from tests.simulation import sql
from tests.simulation.actors import BackEnd, Budget, Deliverer, Device, Publisher, Receiver, Sweep, Worker
from tests.simulation.faults import Bus, Faults, Tasks
from tests.simulation.laws import Laws
from tests.simulation.sql import Database
from tests.simulation.world import EPOCH, Actor, Broken, World
from tests.support.rest_client import basic
from tokens import authentication, rate_limits
from tokens.issue import create_project, issue_api_token
from tokens.subjects import TokenHolder

PEACE_SECONDS = 60.0
HOME_SECONDS = 30.0  # until then everybody has left their calls
LAW_STEPS = 60  # switches of the baton between two looks at the laws
TEMPERS = ("well", "flaky", "slow", "cut", "gone")
PEOPLE = 4
# What no worker may be taken for lost for.
HARMLESS = frozenset({"postgresql away", "redis away", "nudge lost", "nudge late", "nudge twice"})
LEFT_MOST = 3600.0


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

    def text(self) -> str:
        faults = " ".join(f"{name}={number}" for name, number in sorted(self.counts.items()))
        times = self.simulated / max(self.wall, 0.001)
        seed = (
            f"seed {self.seed}: {self.calls} calls, {self.steps} steps, laws held {self.checks} times, "
            f"log {self.digest[:16]}"
        )
        speed = f"{self.simulated:.0f} s simulated in {self.wall:.1f} s ({times:.1f} x)"
        lines = [seed, f"  {speed}, of processor {self.cpu:.1f} s", "  " + faults]
        return "\n".join([*lines, f"  BROKEN {self.broken}"] if self.broken else lines)


@contextmanager
def seams(world: World, bus: Bus, tasks: Tasks) -> Iterator[None]:
    """The product's clock, ids, Redis and Celery are the world's."""
    with ExitStack() as stack:
        stack.enter_context(world.clocks())
        for place, name, value in (
            (django.utils.timezone, "now", world.moment),
            (nudge, "client", lambda: bus),
            (placement, "current_app", tasks),
            (rate_limits._Alone, "redis_failed_at", float("inf")),
            (rate_limits._Alone, "buckets", {}),
            (authentication, "_keys", type(authentication._keys)()),
        ):
            stack.enter_context(mock.patch.object(place, name, value))
        for each in apps.get_models():
            for one in each._meta.fields:
                if isinstance(one, django_models.UUIDField) and one.default is uuid.uuid4:
                    stack.enter_context(mock.patch.object(one, "_get_default", world.new_id))
        stack.enter_context(
            override_settings(CALLWRIGHT_DIALS_PER_SECOND=100_000, CALLWRIGHT_ANSWER_SECONDS=0.3)
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


def simulate(
    seed: int,
    calls: int,
    *,
    faults: bool | frozenset[str] = True,
    progress: Callable[[str], None] | None = None,
) -> Outcome:
    """Run a world of this seed in the database of this thread's connection, which is emptied first."""
    sql.make_clocks()
    sql.empty()
    world = World(seed)
    database = Database(world)
    trouble = Faults(world, database)
    trouble.on, trouble.only = bool(faults), faults if isinstance(faults, frozenset) else None
    bus = Bus(world, trouble)
    tasks, laws = Tasks(world, trouble, bus), Laws(world, database)
    began, cpu, broken = time.monotonic(), time.process_time(), None
    with seams(world, bus, tasks):
        try:
            play(world, bus, tasks, trouble, laws, calls, progress)
        except Broken as law:
            broken = str(law)
        except Exception as error:
            broken = f"{type(error).__name__}: {error}"
            if progress:
                import traceback

                progress("".join(traceback.format_exception(error)))
        finally:
            world.end()
            database.close()
            sql.drop_clocks()
    wall = time.monotonic() - began
    return Outcome(
        seed,
        calls,
        world.digest.hexdigest(),
        world.now,
        wall,
        time.process_time() - cpu,
        world.steps,
        world.counts,
        broken,
        world.tail,
        laws.checked,
    )


def play(
    world: World,
    bus: Bus,
    tasks: Tasks,
    trouble: Faults,
    laws: Laws,
    calls: int,
    progress: Callable[[str], None] | None,
) -> None:
    state, budget = ProcessState(world), Budget(calls)
    world.before_step, world.kept_state = state.swap, state.keep
    receivers: dict[str, Receiver] = {}
    well: dict[str, str] = {}
    ends: list[BackEnd] = []
    for number in range(2):
        populate(world, bus, trouble, laws, budget, number, receivers, well, ends)
    for number in range(2):
        Sweep(world, bus, f"sweep{number}")
        Publisher(world, bus, f"publish{number}")
        Deliverer(world, bus, receivers, laws, f"deliver{number}")
        Worker(world, bus, tasks, laws, f"media{number}")
    since = 0

    def after_step(actor: Actor) -> None:
        nonlocal since
        since += 1
        if since >= LAW_STEPS:
            since = 0
            laws.always()

    world.after_step = after_step
    while budget.left and world.now < LEFT_MOST:
        world.run(world.now + 10)
        if progress:
            progress(
                f"{world.now:7.0f} s simulated, {budget.placed} of {calls} calls placed, {world.steps} steps"
            )
    disturbed = trouble.on and trouble.only != HARMLESS
    budget.home = True
    world.run(world.now + HOME_SECONDS)
    trouble.stop()
    world.run(world.now + PEACE_SECONDS)
    world.counts["calls placed"] = budget.placed
    laws.finally_(well)
    if not disturbed:
        laws.undisturbed()
    for end in ends:
        twice = {key: ids for key, ids in end.ids.items() if len(ids) > 1}
        laws.hold("one key, one call", twice)
    for endpoint in models.WebhookEndpoint.objects.filter(disabled_at=None):
        laws.world.counts[f"delivered to {receivers[str(endpoint.id)].temper}"] += len(
            laws.got[str(endpoint.id)]
        )


def populate(
    world: World,
    bus: Bus,
    trouble: Faults,
    laws: Laws,
    budget: Budget,
    number: int,
    receivers: dict[str, Receiver],
    well: dict[str, str],
    ends: list[BackEnd],
) -> None:
    """A project: its people with a phone each, its back end, and its webhooks."""
    project = create_project(f"Project {number}")
    auth = basic(project.id, issue_api_token(project))
    people = [
        provisioning.provision_subscriber(
            project.id, f"person{each}@example.com", {"display_name": f"P{each}"}
        )
        for each in range(PEOPLE)
    ]
    addresses = [row.address for row in people]
    for temper in TEMPERS if number == 0 else TEMPERS[:2]:
        row = models.WebhookEndpoint.objects.create(
            project=project,
            url=f"https://{temper}.example.com/",
            events=["*"],
            secret=seal("whsec_c2ltdWxhdGVk"),
        )
        receivers[str(row.id)] = Receiver(world, trouble, laws, temper)
        if temper == "well":
            well[str(row.id)] = str(project.id)
    for each, row in enumerate(people):
        holder = TokenHolder(
            project.id,
            "subscriber",
            row.id,
            row.address,
            world.new_id(),
            EPOCH + timedelta(days=30),
            None,
            row.shown_name,
        )
        others = [address for address in addresses if address != row.address]
        Device(world, bus, budget, holder, others, f"phone{number}.{each}")
    ends.append(BackEnd(world, budget, auth, addresses, f"backend{number}"))
