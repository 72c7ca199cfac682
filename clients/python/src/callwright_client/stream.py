"""The project's events as they happen, over `/ws/events`.

A lost connection is opened again at the last cursor.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from callwright_client import types
from callwright_client.errors import StreamRefused

OPEN_SECONDS = 15.0
LONGEST_WAIT = 10.0
LARGEST_FRAME = 4 * 1024 * 1024
# The key is wrong, or the cursor or a pattern; every other close is worth another try.
REFUSED = frozenset({4401, 4409})


@dataclass
class _Place:
    """Where a stream is, and what it says first on each connection."""

    url: str
    project_id: str
    api_key: str
    after: str | None
    patterns: Sequence[str] | None
    attempt: int = 0
    error: tuple[str, str] | None = field(default=None)

    def auth(self) -> str:
        said: dict[str, Any] = {"type": "auth", "project_id": self.project_id, "api_token": self.api_key}
        if self.after is not None:
            said["after"] = self.after
        if self.patterns is not None:
            said["types"] = list(self.patterns)
        return json.dumps(said)

    def take(self, frame: str | bytes) -> types.LogEntry | None:
        """The entry of a frame, None where it holds another message."""
        message = json.loads(frame)
        if "cursor" in message and "event" in message:
            self.after, self.attempt, self.error = message["cursor"], 0, None
            return cast(types.LogEntry, message)
        if message.get("type") == "error":
            self.error = (str(message.get("code", "")), str(message.get("message", "")))
        return None

    def wait(self, closed: Exception) -> float:
        """Seconds before the next connection. Raises StreamRefused where none can help."""
        code = closed.rcvd.code if isinstance(closed, ConnectionClosed) and closed.rcvd else None
        if code in REFUSED and self.error is not None:
            raise StreamRefused(*self.error)
        if code == 4401:
            raise StreamRefused("unauthorized", "The key is not valid.")
        self.attempt += 1
        return min(0.25 * 2.0**self.attempt, LONGEST_WAIT)


def follow(
    url: str, project_id: str, api_key: str, after: str, patterns: Sequence[str] | None
) -> Iterator[types.LogEntry]:
    """Entries without end; each has the `cursor` to come back with, and the `event`."""
    place = _Place(url, project_id, api_key, after, patterns)
    while True:
        try:
            with connect(place.url, open_timeout=OPEN_SECONDS, max_size=LARGEST_FRAME) as socket:
                socket.send(place.auth())
                for frame in socket:
                    entry = place.take(frame)
                    if entry is not None:
                        yield entry
                raise ConnectionClosed(None, None)
        except (OSError, TimeoutError, WebSocketException) as closed:
            time.sleep(place.wait(closed))


async def follow_async(
    url: str, project_id: str, api_key: str, after: str, patterns: Sequence[str] | None
) -> AsyncIterator[types.LogEntry]:
    """As `follow`."""
    place = _Place(url, project_id, api_key, after, patterns)
    while True:
        try:
            async with connect_async(place.url, open_timeout=OPEN_SECONDS, max_size=LARGEST_FRAME) as socket:
                await socket.send(place.auth())
                async for frame in socket:
                    entry = place.take(frame)
                    if entry is not None:
                        yield entry
                raise ConnectionClosed(None, None)
        except (OSError, TimeoutError, WebSocketException) as closed:
            await asyncio.sleep(place.wait(closed))
