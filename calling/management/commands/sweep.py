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
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from calling import nudge
from calling.publish import publish_waiting
from calling.retention import forget_all
from calling.sweep import Rounds, sweep_all
from calling.webhooks.deliver import Deliverer, in_thread

log = logging.getLogger(__name__)

BROOM_SECONDS = 0.25
PUBLISH_SECONDS = 0.5
FORGET_SECONDS = 3600.0
LEAVE_SECONDS = 0.8


class Command(BaseCommand):
    help = "Sweep deadlines and leases, publish events and deliver webhooks, until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
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
        asyncio.create_task(sweep_forever()),
        asyncio.create_task(forget_forever()),
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
        published = await guarded(publish_waiting)
        if published:
            deliverer.wake()
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), PUBLISH_SECONDS)


async def sweep_forever() -> None:
    while True:
        await guarded(sweep_all)
        await asyncio.sleep(BROOM_SECONDS)


async def forget_forever() -> None:
    while True:
        await asyncio.sleep(FORGET_SECONDS)
        await guarded(forget_all)


async def guarded(work: Callable[[], int]) -> int:
    """Run a round in a thread. PostgreSQL away is waited out; anything else is logged and tried again."""
    try:
        return int(await asyncio.to_thread(in_thread, work))
    except DatabaseError as error:
        log.warning("PostgreSQL is away", extra={"error": str(error)})
    except Exception:
        log.exception("A round of the sweep failed")
    await asyncio.sleep(1)
    return 0
