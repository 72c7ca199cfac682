"""Database work beside an event loop: bounded thread pools, and retries.

A loop never waits for PostgreSQL: it awaits one of these. Must not live here: what the work is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
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
# PostgreSQL is unavailable, too busy, or takes no writes: worth trying again. Everything else is a fault of
# the statement. The last is of connections that are not Django's (`subscribers.postgresql.base`).
DATABASE_UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)


class Line:
    """Which work a thread pool does next: round robin between projects, in order within each."""

    def __init__(self, threads: int) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="database")
        self._free = threads
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # the first key is next

    async def enter(self, whose: str) -> None:
        """Wait for a thread; `leave` it."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(whose, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave()  # its turn had come
            raise

    def leave(self) -> None:
        """Give the thread to the next in line."""
        while self._waiting:
            whose = next(iter(self._waiting))
            turns = self._waiting.pop(whose)
            turn = turns.popleft()
            if turns:
                self._waiting[whose] = turns  # behind all the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class DatabaseThreads:
    """A small pool of threads that may use the ORM. Their connections stay open between two jobs.

    `of(project)` is the same pool for one project's work: none waits for all that another has asked for.
    """

    def __init__(self, threads: int = WORKER_THREADS, *, line: Line | None = None, whose: str = "") -> None:
        self._line, self._whose = line or Line(threads), whose

    def of(self, project: str) -> DatabaseThreads:
        return DatabaseThreads(line=self._line, whose=project)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in a thread. Raises what it raises; a broken connection is closed first."""
        loop = asyncio.get_running_loop()
        await self._line.enter(self._whose)

        def left(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is over, and so is the line
                loop.call_soon_threadsafe(self._line.leave)

        try:
            job = self._line.pool.submit(partial(guarded, work, *args, **kwargs))
        except RuntimeError:
            self._line.leave()
            raise
        job.add_done_callback(left)  # of the thread's own end: a task that is cancelled leaves it at work
        return await asyncio.wrap_future(job)

    def close(self) -> None:
        self._line.pool.shutdown(wait=False, cancel_futures=True)


def guarded(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work`; close a connection that turns out to be broken."""
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


def give_back() -> None:
    """Return the connection to the pool while this thread waits, except inside a transaction."""
    if not connection.in_atomic_block:
        connection.close()


async def run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Await blocking database work of a process that serves no sockets."""
    return await asyncio.to_thread(partial(in_thread, work, *args, **kwargs))


async def run_until(seconds: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, tried again while PostgreSQL is unavailable, for at most `seconds`. Raises the last error."""
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
