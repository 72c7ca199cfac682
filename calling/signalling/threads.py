"""Running database work from sockets: a bounded pool of threads, a connection held only while it is used.

Channels' own helper runs everything of a process in one thread; one dial would hold up every other socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from django.db import close_old_connections, connection

from subscribers import row_security
from tokens.subjects import TokenHolder

T = TypeVar("T")
THREADS = 8


@lru_cache(maxsize=1)
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="signalling")


def with_connection(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Work whose first argument is who asks sees the rows of their project alone."""
    close_old_connections()
    try:
        if args and isinstance(args[0], TokenHolder):
            row_security.enter(args[0].project_id)
        return work(*args, **kwargs)
    finally:
        row_security.leave()
        connection.close()  # back to the pool of connections


async def in_thread(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Await blocking work. It goes on in its thread if the waiting task is cancelled."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool(), lambda: with_connection(work, *args, **kwargs))
