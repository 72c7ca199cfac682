"""`manage.py sweep`: the process that makes certain: brooms, publication, webhook delivery.

Needs PostgreSQL alone. With Redis gone it looks every half second instead of being nudged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from calling.alerts import watch
from calling.alerts.telling import Teller
from calling.models.alert import Alert
from calling.push import rings
from calling.push.sender import MOST as MOST_LEGS
from calling.push.sender import Sender
from calling.retention import forget_all
from calling.runtime import db_threads, nudge
from calling.sweep import BATCH, BROOMS, Rounds, next_deadline, sweep_deadlines
from calling.webhooks.deliverer import Deliverer
from calling.webhooks.publish import publish_waiting

log = logging.getLogger(__name__)
T = TypeVar("T")

BROOM_SECONDS = 0.25
LEAST_SECONDS = 0.02  # between two looks at the deadlines
PUBLISH_SECONDS = 0.5
FORGET_SECONDS = 3600.0
WATCH_SECONDS = 5.0
TELL_SECONDS = 1.0
PUSH_SECONDS = 0.5
REVOKED_SECONDS = 10.0
LEAVE_SECONDS = 0.8


class Command(BaseCommand):
    help = "Sweep deadlines and leases, publish events and deliver webhooks, until told to stop."

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(run())


def leave_soon() -> None:
    """End the process soon, whatever hangs: a thread may wait for a PostgreSQL that never answers.

    Nothing is lost by it. What was claimed lapses, and what was half done was never committed.
    """
    end = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    end.daemon = True
    end.start()


async def run() -> None:
    """All loops until SIGTERM or SIGINT."""
    Rounds.begin()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    deliverer = Deliverer()
    wake = asyncio.Event()
    tasks = [
        asyncio.create_task(deliverer.run()),
        asyncio.create_task(publish_forever(wake, deliverer)),
        asyncio.create_task(keep_deadlines()),
        *(asyncio.create_task(sweep_forever(broom, pause)) for broom, pause in BROOMS),
        asyncio.create_task(forget_forever()),
        asyncio.create_task(watch_forever()),
        asyncio.create_task(tell_forever()),
        asyncio.create_task(push_forever()),
        asyncio.create_task(drop_revoked_forever()),
        asyncio.create_task(hear_nudges(wake, deliverer)),
    ]
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    leave_soon()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for ended in done - {stopping}:
        ended.result()  # a loop that ended is a fault: say it and let the supervisor start afresh
    logging.shutdown()
    os._exit(0)  # threads and the connection pool would be waited for, seconds long, to no use


async def hear_nudges(wake: asyncio.Event, deliverer: Deliverer) -> None:
    async for heard in nudge.listen(nudge.PUBLISH):
        if heard is not None:
            wake.set()
            if not heard[1]:  # a resend, replay or test: nothing to publish, something to deliver
                deliverer.wake()


async def publish_forever(wake: asyncio.Event, deliverer: Deliverer) -> None:
    while True:
        wake.clear()
        published = await guarded(publish_waiting, 0)
        if published:
            deliverer.wake()
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), PUBLISH_SECONDS)


async def keep_deadlines() -> None:
    """Wake when the next deadline passes, and every BROOM_SECONDS for those that came meanwhile."""
    while True:
        left = await guarded(sweep_due, LEAST_SECONDS)
        await asyncio.sleep(left)


def sweep_due() -> float:
    """Meet the deadlines that have passed; how many seconds to wait for the next."""
    done = sweep_deadlines()
    due = next_deadline()
    if due is None or (due < -BROOM_SECONDS and done < BATCH):  # what was told just now and still waits
        return BROOM_SECONDS
    return min(BROOM_SECONDS, max(LEAST_SECONDS, due))


async def watch_forever() -> None:
    while True:
        await guarded(watch.look, 0)
        await asyncio.sleep(WATCH_SECONDS)


async def settle_alert(alert: Alert, told: bool) -> None:
    await db_threads.run(watch.settle, alert, told)


async def tell_forever() -> None:
    teller = Teller(settle_alert)
    while True:
        teller.tell(await guarded(partial(watch.take_due, dict(teller.busy)), []))
        await asyncio.sleep(TELL_SECONDS)


async def push_forever() -> None:
    sender = Sender()
    while True:
        sender.send(await guarded(partial(rings.take, MOST_LEGS, dict(sender.busy)), rings.News()))
        await asyncio.sleep(PUSH_SECONDS)


async def drop_revoked_forever() -> None:
    while True:
        await guarded(rings.drop_revoked, 0)
        await asyncio.sleep(REVOKED_SECONDS)


async def sweep_forever(broom: Callable[[], int], pause: float) -> None:
    while True:
        await guarded(broom, 0)
        await asyncio.sleep(pause)


async def forget_forever() -> None:
    while True:
        await asyncio.sleep(FORGET_SECONDS)
        await guarded(forget_all, 0)


async def guarded(work: Callable[[], T], otherwise: T) -> T:
    """Run a round in a thread. PostgreSQL away is waited out; anything else is logged and tried again."""
    try:
        return await db_threads.run(work)
    except DatabaseError as error:
        log.warning("PostgreSQL is away", extra={"error": str(error)})
    except Exception:
        log.exception("A round of the sweep failed")
    await asyncio.sleep(1)
    return otherwise
