"""How a process with an event loop is told to stop, and exits even if something hangs.

Lives here: the signal and the last resort. What is still done before the end is its command's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading


def told_to_stop() -> asyncio.Event:
    """Set by SIGTERM or SIGINT. To be called in the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def leave_soon(seconds: float) -> None:
    """End the process then, whatever hangs: a thread may wait for a PostgreSQL that never answers.

    Nothing is lost by it. What was claimed lapses, and what was half done was never committed.
    """
    end = threading.Timer(seconds, os._exit, (0,))
    end.daemon = True
    end.start()
