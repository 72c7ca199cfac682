"""The WebSocket to a relay's program: frames out in order, frames in, and a broken connection made again.

The first frame of every connection is `setup`. Frames that come about while there is none wait for the next;
only so many, and only so long. What the frames hold is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

import clock
from calling.media.operations.relay.messages import Frame
from calling.outbound_http import web_socket
from calling.outbound_http.url_text import UnsafeUrl

BACKOFF: Final = (0.1, 0.3, 0.7, 1.5)  # seconds; the last one again and again
RECONNECT_SECONDS: Final = 15.0  # since the connection broke, or was first tried
STEADY_SECONDS: Final = 5.0  # a connection that lasted longer counts as one that worked
MAX_CONNECTS: Final = 20  # of one relay
MOST_WAITING: Final = 200  # frames that could not be sent yet
SEND_SECONDS: Final = 10.0
PING_SECONDS: Final = 8.0
MAX_FRAME: Final = 256 * 1024  # bytes; larger ones break the connection
UNREACHABLE, LOST, SLOW = "program_unreachable", "program_lost", "program_too_slow"


class ProgramFailed(Exception):
    """There is no program to talk to any more; the text is the reason."""


class Program:
    """One relay's. `run` holds the connection; `send` never waits."""

    def __init__(
        self,
        url: str,
        *,
        signing_key: str,
        setup: Callable[[], Frame],
        take: Callable[[str | bytes], None],
        allow_private: bool | None = None,
    ) -> None:
        self.connected = asyncio.Event()
        self.connects = 0
        self._url, self._key, self._allow_private = url, signing_key, allow_private
        self._setup, self._take = setup, take
        self._waiting: deque[Frame] = deque()
        self._ready = asyncio.Event()
        self._stopping = self._full = False

    def send(self, frame: Frame) -> None:
        """A frame, after those before it."""
        if len(self._waiting) >= MOST_WAITING:
            self._full = True
        else:
            self._waiting.append(frame)
        self._ready.set()

    def stop(self) -> None:
        """Send what waits and close; `run` returns."""
        self._stopping = True
        self._ready.set()

    async def run(self) -> None:
        """Until `stop`, or until the program closes in order. Raises ProgramFailed."""
        loop = asyncio.get_running_loop()
        broken, tries = loop.time(), 0
        while not self._stopping:
            began = loop.time()
            try:
                await self._once()
                return
            except UnsafeUrl as problem:
                raise ProgramFailed(str(problem)) from None
            except InvalidStatus as problem:
                if 400 <= problem.response.status_code < 500 and problem.response.status_code != 429:
                    raise ProgramFailed(UNREACHABLE) from None
            except web_socket.BROKEN:
                pass
            finally:
                worked = self.connected.is_set()
                self.connected.clear()
            now = loop.time()
            if worked:
                broken = now
                tries = 0 if now - began > STEADY_SECONDS else tries
            if now - broken > RECONNECT_SECONDS or self.connects >= MAX_CONNECTS:
                raise ProgramFailed(LOST if self.connects else UNREACHABLE)
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)] * (0.8 + 0.4 * clock.dice.random()))
            tries += 1

    async def _once(self) -> None:
        connection = await web_socket.dial(
            self._url,
            headers=web_socket.signed(self._url, self._key),
            max_size=MAX_FRAME,
            allow_private=self._allow_private,
            pings=PING_SECONDS,
        )
        self.connects += 1
        try:
            await self._say(connection, self._setup())
            self.connected.set()
            self._ready.set()
            await self._exchange(connection)
        except web_socket.BROKEN as problem:
            if not web_socket.in_order(problem):
                raise
        finally:
            with contextlib.suppress(Exception):
                await connection.close()

    async def _exchange(self, connection: ClientConnection) -> None:
        """Until one direction is over. Raises ProgramFailed or one of `web_socket.BROKEN`."""
        loop = asyncio.get_running_loop()
        both = {loop.create_task(self._read(connection)), loop.create_task(self._write(connection))}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _read(self, connection: ClientConnection) -> None:
        while True:
            self._take(await connection.recv())

    async def _write(self, connection: ClientConnection) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                await self._say(connection, self._waiting[0])
                self._waiting.popleft()
            if self._full:
                raise ProgramFailed(SLOW)
            if self._stopping:
                await connection.close()
                return

    async def _say(self, connection: ClientConnection, frame: Frame) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await connection.send(json.dumps(frame, ensure_ascii=False))
