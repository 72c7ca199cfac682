"""The way out of a socket: a bounded queue with one writer, so that a slow reader never grows memory.

Past 256 messages or 1 MB waiting the socket is closed 4409: its client comes back and is told how things are.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

MAX_MESSAGES = 256
MAX_BYTES = 1_000_000
SEND_SECONDS = 20.0
Send = Callable[[str], Awaitable[None]]
Overflow = Callable[[], Awaitable[None]]


class SendQueue:
    """Messages are put in order and never awaited; the writer task sends them one after another."""

    def __init__(self, send: Send, on_overflow: Overflow) -> None:
        self.send, self.on_overflow = send, on_overflow
        self.waiting: deque[str] = deque()
        self.size = 0
        self.more = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.closed = False
        self.ending: asyncio.Task[None] | None = None
        self.writer = asyncio.create_task(self.write())

    def push(self, message: dict[str, Any]) -> None:
        self.put_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def put_text(self, text: str) -> None:
        if self.closed:
            return
        self.waiting.append(text)
        self.size += len(text)
        self.idle.clear()
        self.more.set()
        if len(self.waiting) > MAX_MESSAGES or self.size > MAX_BYTES:
            self.overflow()

    async def write(self) -> None:
        """Send what waits. A peer that takes nothing for 20 s is given up too."""
        try:
            while not self.closed:
                await self.more.wait()
                while self.waiting:
                    text = self.waiting.popleft()
                    self.size -= len(text)
                    await asyncio.wait_for(self.send(text), SEND_SECONDS)
                self.more.clear()
                self.idle.set()
        except TimeoutError:
            self.overflow()
        except Exception:  # the connection is gone: its disconnect says so
            self.closed = True
        finally:
            self.idle.set()

    def overflow(self) -> None:
        """Too much waits: drop it all, stop writing, and let the socket be closed."""
        if self.closed:
            return
        self.closed = True
        self.waiting.clear()
        self.size = 0
        self.idle.set()
        self.ending = asyncio.create_task(self.end())

    async def end(self) -> None:
        if self.writer is not asyncio.current_task():
            self.writer.cancel()
        await self.on_overflow()

    async def flush(self, seconds: float = 1.0) -> None:
        """Wait until everything put so far has been sent, for a bounded time."""
        try:
            await asyncio.wait_for(self.idle.wait(), seconds)
        except TimeoutError:
            return

    def stop(self) -> None:
        self.closed = True
        self.writer.cancel()
