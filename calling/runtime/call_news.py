"""Waiting in a thread until a call is nudged, where looking again and again would cost a transaction each.

One thread of the process listens for all who wait. A nudge may be lost, so whoever waits looks by himself
too; `hears` says whether that may be seldom. Must not live here: what is looked at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

import clock
from calling.runtime import nudge

AGAIN_SECONDS = 1.0


class CallNews:
    """Who waits for which call. For threads; the event of one is set with each nudge of its call."""

    def __init__(self) -> None:
        self.hears = False
        self._lock = threading.Lock()
        self._waiting: dict[str, list[threading.Event]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def of(self, call_id: str) -> Iterator[threading.Event]:
        heard = threading.Event()
        with self._lock:
            self._waiting.setdefault(call_id, []).append(heard)
            if self._thread is None and isinstance(nudge.client(), redis.Redis):
                self._thread = threading.Thread(target=self._listen, name="call news", daemon=True)
                self._thread.start()
        try:
            yield heard
        finally:
            with self._lock:
                left = [each for each in self._waiting[call_id] if each is not heard]
                self._waiting[call_id] = left
                if not left:
                    del self._waiting[call_id]

    def _listen(self) -> None:
        while True:
            try:
                pubsub = nudge.client().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
                with pubsub as subscription:
                    subscription.subscribe(nudge.EDGE)
                    subscription.get_message(timeout=nudge.LOOK_SECONDS)  # that it is subscribed
                    self.hears = True
                    self._tell(None)
                    while True:
                        self._hear(subscription.get_message(timeout=nudge.LOOK_SECONDS))
            except (redis.RedisError, OSError):
                self.hears = False
                self._tell(None)
            clock.sleep(AGAIN_SECONDS)

    def _hear(self, message: dict[str, Any] | None) -> None:
        if message is None or not self._waiting:
            return
        try:
            calls = json.loads(message["data"]).get("calls", ())
        except ValueError:
            return
        for call_id in calls:
            self._tell(call_id)

    def _tell(self, call_id: str | None) -> None:
        """Wake those who wait for that call; None: all, for a nudge may have been lost."""
        with self._lock:
            for name, events in self._waiting.items():
                if call_id in (name, None):
                    for event in events:
                        event.set()


call_news = CallNews()
