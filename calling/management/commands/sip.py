"""`manage.py sip`: the SIP edge as a process. Ends within a second of SIGTERM.

PostgreSQL and Redis may go away meanwhile: it answers 503, looks again, and goes on when they are back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from calling.sip.edge import Edge

log = logging.getLogger(__name__)

LEAVE_SECONDS = 0.3


class Command(BaseCommand):
    help = "Speak SIP with desk phones and gateways, until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CALLWRIGHT_SIP_PORT:
            raise CommandError("CALLWRIGHT_SIP_PORT is 0: SIP is off.")
        try:
            asyncio.run(run())
        except OSError as error:
            raise CommandError(f"CALLWRIGHT_SIP_PORT {settings.CALLWRIGHT_SIP_PORT}: {error}") from None


def leave_soon() -> None:
    """End soon, whatever hangs: a thread may wait for a PostgreSQL that never answers."""
    end = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    end.daemon = True
    end.start()


async def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bind, port = settings.CALLWRIGHT_BIND, settings.CALLWRIGHT_SIP_PORT
    advertised = settings.CALLWRIGHT_MEDIA_ADVERTISED
    domain = settings.CALLWRIGHT_DOMAIN.partition(":")[0]
    names = {bind, advertised, domain, f"fabric.{domain}", "callwright", "localhost", "127.0.0.1", "::1"}
    edge = Edge(advertised, frozenset(name.lower() for name in names))
    await edge.agent.listen(bind, port)
    log.info("SIP edge is listening", extra={"port": port})
    running = asyncio.create_task(edge.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    leave_soon()
    failed = running.done() and not running.cancelled() and running.exception() is not None
    if failed:
        log.error("The SIP edge failed", exc_info=running.exception())
    running.cancel()
    await edge.close()
    await asyncio.gather(running, return_exceptions=True)
    if failed:
        raise SystemExit(1)
