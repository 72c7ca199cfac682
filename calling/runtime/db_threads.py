"""Database work beside an event loop: bounded pools of threads, and what to try again.

A loop never waits for PostgreSQL: it awaits one of these. Must not live here: what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import ParamSpec, TypeVar

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection

from subscribers import row_security
from tokens.subjects import TokenHolder

P = ParamSpec("P")
T = TypeVar("T")
WORKER_THREADS = 4
SOCKET_THREADS = 8
SIGN_IN_THREADS = 4
RETRY_SECONDS = 0.5
# PostgreSQL is away, or too busy: worth trying again. Everything else is a fault of the statement.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


class DatabaseThreads:
    """A small pool of threads that may use the ORM. Their connections stay open between two jobs."""

    def __init__(self, threads: int = WORKER_THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="database")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in a thread. Raises what it raises; a broken connection is closed first."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(guarded, work, *args, **kwargs))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def guarded(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`work`; a connection that turned out to be broken is closed."""
    try:
        return work(*args, **kwargs)
    except DATABASE_UNAVAILABLE:
        connection.close()
        raise


def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`work` in this thread, with a usable connection that goes back to the pool afterwards."""
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


async def run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Await blocking database work of a process that serves no sockets."""
    return await asyncio.to_thread(partial(in_thread, work, *args, **kwargs))


async def run_until(seconds: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, tried again while PostgreSQL is away, for at most `seconds`. Raises the last error."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await run(work, *args, **kwargs)
        except DatabaseError:
            if asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(RETRY_SECONDS)


@lru_cache(maxsize=1)
def _socket_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SOCKET_THREADS, thread_name_prefix="sockets")


@lru_cache(maxsize=1)
def _sign_in_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SIGN_IN_THREADS, thread_name_prefix="sign-in")


def with_connection(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Work whose first argument is a token's holder sees the rows of that project alone."""
    close_old_connections()
    try:
        if args and isinstance(args[0], TokenHolder):
            row_security.enter(args[0].project_id)
        return work(*args, **kwargs)
    finally:
        row_security.leave()
        connection.close()  # back to the pool of connections


async def run_for_socket(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Await blocking work of a socket. It goes on in its thread if the waiting task is cancelled.

    Channels' own helper runs everything of a process in one thread; one dial would hold up all other sockets.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_socket_pool(), lambda: with_connection(work, *args, **kwargs))


async def run_for_sign_in(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for who comes in: neither waits for the other when thousands of sockets come back at once."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_sign_in_pool(), lambda: with_connection(work, *args, **kwargs))
