"""Which product files a trip enters: a profile function that follows one trip through tasks and threads.

A trip is what is called inside `Trip.context`: the tasks, threads and reader callbacks that come of it
inherit the context. What a timer calls belongs to no trip, and neither does a module that runs for the first
time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from pathlib import Path
from types import FrameType
from typing import Any

from config.env import ROOT
from tests.config.test_no_import_circles import product_packages

_trip: ContextVar[Trip | None] = ContextVar("trip", default=None)
# `clock` is no step of a trip: it stands where `time` and `uuid` of the standard library would.
_UNCOUNTED = {"bench", "clock"}
_HOMES = tuple(f"{package}/" for package in product_packages(ROOT) if package.name not in _UNCOUNTED)


class Trip:
    """The files entered while `recording`, as paths relative to the repository."""

    def __init__(self) -> None:
        self._entered: set[str] = set()
        self._on = False
        self.context: Context = copy_context()
        self.context.run(_trip.set, self)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record until the block ends or `stop` is called."""
        self._on = True
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            self.stop()
            sys.setprofile(None)

    def stop(self) -> None:
        self._on = False

    def clear(self) -> None:
        self._entered.clear()

    def take(self, other: Trip) -> None:
        """Hold what the other trip has entered so far."""
        self._entered = set(other._entered)

    @property
    def files(self) -> list[str]:
        paths = (Path(name).relative_to(ROOT) for name in self._entered if name.startswith(_HOMES))
        return sorted(path.as_posix() for path in paths if "migrations" not in path.parts)

    @property
    def in_root(self) -> list[str]:
        """Those of the files that lie in the root of `calling`."""
        return [name for name in self.files if Path(name).parent == Path("calling")]

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and self._on and _trip.get() is self and frame.f_code.co_name != "<module>":
            self._entered.add(frame.f_code.co_filename)

    def _in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        sys.setprofile(self._profile)
        try:
            return work(*args)
        finally:
            sys.setprofile(None)


@contextmanager
def followed_through_threads_and_timers() -> Iterator[None]:
    """Executors run a trip's work in its context and profile it; timers run in none."""
    loop = asyncio.BaseEventLoop
    run_in_executor, call_at = loop.run_in_executor, loop.call_at

    def in_context(self: Any, executor: Any, work: Callable[..., Any], *args: Any) -> Any:
        trip = _trip.get()
        if trip is None:
            return run_in_executor(self, executor, work, *args)
        return run_in_executor(self, executor, copy_context().run, trip._in_thread, work, *args)

    def out_of_context(self: Any, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        context = context or copy_context()
        context = context.run(copy_context)
        context.run(_trip.set, None)
        return call_at(self, when, callback, *args, context=context)

    loop.run_in_executor, loop.call_at = in_context, out_of_context  # type: ignore[method-assign]
    try:
        yield
    finally:
        loop.run_in_executor, loop.call_at = run_in_executor, call_at  # type: ignore[method-assign]
