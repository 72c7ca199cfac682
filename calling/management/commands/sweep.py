"""`manage.py sweep`: the process of the periodic jobs, of event publication and of webhook delivery.

It needs only PostgreSQL. Without Redis it reads the rows every half second instead of waiting for nudges.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.core.management.base import BaseCommand
from django.db import DatabaseError

import clock
from calling import presence
from calling.alerts import watch
from calling.alerts.telling import Teller
from calling.models.alert import Alert
from calling.push import rings
from calling.push.sender import MOST as MOST_LEGS
from calling.push.sender import Sender
from calling.retention import forget_all, partitions
from calling.runtime import db_threads, garbage, nudge
from calling.runtime.stopping import leave_soon, told_to_stop
from calling.sweep import BATCH, JOBS, Rounds, next_deadline, sweep_deadlines
from calling.waiting import Waiting, look
from calling.webhooks.deliverer import Deliverer
from calling.webhooks.publish import Published, publish_round

log = logging.getLogger(__name__)
T = TypeVar("T")

JOB_SECONDS = 0.25
ROUND_SECONDS = 0.5  # a deadline that is set meanwhile is further ahead than this
SEARCH_SECONDS = 1.0
DELIVER_SECONDS = 0.5
IDLE_SECONDS = 30.0
LEAST_SECONDS = 0.02  # between two looks at the deadlines
FORGET_SECONDS = 3600.0
DAY_SECONDS = 60.0  # between two looks whether a new day of events is to begin
WATCH_SECONDS = 5.0
TELL_SECONDS = 1.0
PUSH_SECONDS = 0.5
FORGET_DEVICES_SECONDS = 60.0
REVOKED_SECONDS = 10.0
LEAVE_SECONDS = 0.8
BUSY_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08)
"""Pauses of a publisher that finds the log's lock taken: a turn has it for a moment."""


class Command(BaseCommand):
    help = "Sweep deadlines and leases, publish events and deliver webhooks, until told to stop."

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(run())


class Gates:
    """One gate for every condition of `calling.waiting`; the look opens those whose condition holds."""

    def __init__(self) -> None:
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def open(self, *names: str) -> None:
        for name in names:
            self._gates[name].set()

    async def passed(self, name: str) -> None:
        """Wait until the gate is open, and close it behind."""
        await self._gates[name].wait()
        self._gates[name].clear()


async def run() -> None:
    """All loops until SIGTERM or SIGINT."""
    garbage.keep_all()
    Rounds.begin()
    stop = told_to_stop()
    deliverer, gates = Deliverer(look_seconds=IDLE_SECONDS), Gates()
    tasks = [
        asyncio.create_task(deliverer.run()),
        asyncio.create_task(look_forever(gates)),
        asyncio.create_task(deliver_forever(gates, deliverer)),
        asyncio.create_task(publish_forever(gates, deliverer)),
        asyncio.create_task(keep_deadlines(gates)),
        *(asyncio.create_task(sweep_forever(gates, name, job, pause)) for name, job, pause in JOBS),
        asyncio.create_task(push_forever(gates)),
        asyncio.create_task(tell_forever(gates)),
        asyncio.create_task(every(FORGET_SECONDS, forget_all)),
        asyncio.create_task(every(DAY_SECONDS, partitions.keep_days)),
        asyncio.create_task(every(FORGET_DEVICES_SECONDS, presence.forget_devices)),
        asyncio.create_task(every(WATCH_SECONDS, watch.look)),
        asyncio.create_task(every(REVOKED_SECONDS, rings.drop_revoked)),
        asyncio.create_task(hear_nudges(gates, deliverer)),
    ]
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    leave_soon(LEAVE_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for ended in done - {stopping}:
        ended.result()  # a loop that ended is a fault: say it and let the supervisor start afresh
    logging.shutdown()
    os._exit(0)  # threads and the connection pool would be waited for, seconds long, to no use


async def look_forever(gates: Gates) -> None:
    """One statement a round tells every other loop what waits for it."""
    searched = -SEARCH_SECONDS
    while True:
        search = clock.monotonic() - searched >= SEARCH_SECONDS
        waiting = await guarded(partial(look_once, search), Waiting())
        if search:
            searched = clock.monotonic()
        gates.open(*waiting.names)
        await asyncio.sleep(pause_before(waiting.deadline))


def look_once(search: bool) -> Waiting:
    found = look(search=search)
    Rounds.note()
    return found


def pause_before(deadline: float | None) -> float:
    """Seconds until the next look: until the next deadline of a live call, a round at most."""
    if deadline is None:
        return ROUND_SECONDS
    if deadline <= 0:  # what has passed is being told now
        return JOB_SECONDS
    return min(ROUND_SECONDS, max(LEAST_SECONDS, deadline))


async def hear_nudges(gates: Gates, deliverer: Deliverer) -> None:
    async for heard in nudge.listen(nudge.PUBLISH):
        if heard is not None:
            gates.open("events")
            if not heard[1]:  # a resend, replay or test: nothing to publish, something to deliver
                deliverer.wake()


async def publish_forever(gates: Gates, deliverer: Deliverer) -> None:
    while True:
        await gates.passed("events")
        more, pauses = True, iter(BUSY_SECONDS)
        while more:  # what is written meanwhile opens the gate again
            done = await guarded(publish_round, Published())
            more = done.full
            if done.deliveries:
                deliverer.wake()
            if done.busy and (pause := next(pauses, None)) is not None:
                await asyncio.sleep(pause)
                more = True


async def deliver_forever(gates: Gates, deliverer: Deliverer) -> None:
    """What pends may be a try of tomorrow, so the deliverer asks for what is due at its own pace."""
    while True:
        await gates.passed("deliveries")
        deliverer.wake()
        await asyncio.sleep(DELIVER_SECONDS)


async def keep_deadlines(gates: Gates) -> None:
    while True:
        await gates.passed("deadlines")
        await asyncio.sleep(await guarded(sweep_due, LEAST_SECONDS))


def sweep_due() -> float:
    """Meet the deadlines that have passed; how many seconds to wait for the next."""
    done = sweep_deadlines()
    due = next_deadline()
    if due is None or (due < -JOB_SECONDS and done < BATCH):  # what was told just now and still waits
        return JOB_SECONDS
    return min(JOB_SECONDS, max(LEAST_SECONDS, due))


async def sweep_forever(gates: Gates, name: str, job: Callable[[], int], pause: float) -> None:
    while True:
        await gates.passed(name)
        await guarded(job, 0)
        await asyncio.sleep(pause)


async def push_forever(gates: Gates) -> None:
    sender = Sender()
    while True:
        await gates.passed("rings")
        sender.send(await guarded(partial(rings.take, MOST_LEGS, dict(sender.busy)), rings.News()))
        await asyncio.sleep(PUSH_SECONDS)


async def settle_alert(alert: Alert, told: bool) -> None:
    await db_threads.run(watch.settle, alert, told)


async def tell_forever(gates: Gates) -> None:
    teller = Teller(settle_alert)
    while True:
        await gates.passed("alerts")
        teller.tell(await guarded(partial(watch.take_due, dict(teller.busy)), []))
        await asyncio.sleep(TELL_SECONDS)


async def every(seconds: float, work: Callable[[], int]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await guarded(work, 0)


async def guarded(work: Callable[[], T], otherwise: T) -> T:
    """Run a round in a thread. PostgreSQL away is waited out; anything else is logged and tried again."""
    try:
        return await db_threads.run(work)
    except DatabaseError as error:
        log.warning("PostgreSQL is unavailable", extra={"error": str(error)})
    except Exception:
        log.exception("A round of the sweep failed")
    await asyncio.sleep(1)
    return otherwise
