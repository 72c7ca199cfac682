"""Waiting for a condition, always with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def until(test: Callable[[], object], seconds: float = 8.0, what: str = "it") -> None:
    """Waits beside a loop until `test` is true. Raises AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        await asyncio.sleep(0.02)


def wait_for(test: Callable[[], T], seconds: float = 20.0, what: str | Callable[[], object] = "it") -> T:
    """What `test` gives as soon as it is true. Raises AssertionError after `seconds`.

    `what` may be a function: its text is then made at the end, of what was seen by then.
    """
    end = time.monotonic() + seconds
    while not (found := test()):
        if time.monotonic() > end:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"{text} did not happen within {seconds:g} s")
        time.sleep(0.02)
    return found
