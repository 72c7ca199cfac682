"""How a process that was told to stop ends in bounded time.

Must not live here: what it gives back before that.
"""

from __future__ import annotations

import os
import threading


def leave_soon(seconds: float) -> None:
    """End the process after `seconds`, whatever hangs: a thread may wait for a PostgreSQL that never answers.

    Nothing is lost by it. What was claimed lapses, and what was half done was never committed.
    """
    end = threading.Timer(seconds, os._exit, (0,))
    end.daemon = True
    end.start()
