"""Where a media worker's loop hands over its database work: a few threads, errors told apart.

The loop never waits for PostgreSQL: it awaits `Desk.run`, and media goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import psycopg
from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
THREADS = 4
# PostgreSQL is away, or too busy: worth trying again. Everything else is a fault of the statement.
AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


class Desk:
    """A small pool of threads that may use the ORM. Their connections stay open between two jobs."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="desk")

    async def run(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Do `work` in a thread. Raises what it raises; a broken connection is closed first."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(guarded, work, *args, **kwargs))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def guarded(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        return work(*args, **kwargs)
    except AWAY:
        connection.close()
        raise
