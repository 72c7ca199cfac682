"""When Python looks for garbage: rarely while a process loads what stays, and never again among that.

What a process has loaded (Django, aiortc, our modules: 180,000 objects) is never garbage, yet each full
collection walks through it and holds the GIL: 60 ms or more in which no packet, frame or turn gets on. Must
not live here: which process calls it when.
"""

from __future__ import annotations

import gc
from typing import Final

AFTER: Final = 10_000  # new objects; with Python's own 700 a start looks hundreds of times and finds modules


def look_rarely() -> None:
    """Call before the modules of a process are loaded."""
    gc.set_threshold(AFTER, 10, 10)


def keep_all() -> None:
    """Call when a process has loaded what it needs: what there is now stays, and is not looked at again."""
    gc.collect()
    gc.freeze()
