"""HTTP/1.1 over vetted sockets: one connection, and a pool of idle ones by origin.

The pool is per event loop and per trust (public or private), owned by `client.Client`. Kept small and direct
because webhooks go through it by the thousand: httpcore's pool looks at every connection for every request.
Framing is h11's (RFC 9112). What must not live here: judging URLs, redirects, limits on bodies.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from socket import socket
from typing import Final

import h11

import clock

IDLE_SECONDS: Final = 20.0
IDLE_PER_ORIGIN: Final = 256  # as many as a deliverer tries at once: one host may have many endpoints
BUFFER: Final = 256 * 1024

Dial = Callable[[str, int], Awaitable[socket]]


class ConnectFailed(Exception):
    """No connection, or no TLS on it."""


class Broken(Exception):
    """The exchange ended early or was not HTTP. `silent`: not one byte of an answer had come."""

    def __init__(self, silent: bool = False) -> None:
        super().__init__("broken")
        self.silent = silent


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, one exchange at a time."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=64 * 1024)
        self._transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._lost = False
        self._full = False
        self._waiter: asyncio.Future[None] | None = None
        self.heard = False
        self.idle_since = 0.0

    # asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._held += len(data)
        if self._held > BUFFER and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._lost = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._full = False
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _change(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    @property
    def usable(self) -> bool:
        """An idle connection fit for another exchange: silent, open and not too old."""
        fresh = clock.monotonic() - self.idle_since < IDLE_SECONDS
        return fresh and not self._lost and not self._chunks and self._h11.our_state is h11.IDLE

    def close(self) -> None:
        """Drop it now: a polite TLS goodbye would wait for peers that never answer it."""
        if self._transport is not None:
            self._transport.abort()

    async def send(
        self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], content: bytes
    ) -> None:
        self.heard = False
        try:
            head = self._h11.send(h11.Request(method=method, target=target, headers=headers))
            body = self._h11.send(h11.Data(data=content)) if content else b""
            end = self._h11.send(h11.EndOfMessage())
        except h11.LocalProtocolError:
            raise Broken from None
        assert self._transport is not None
        self._transport.write(b"".join((head or b"", body or b"", end or b"")))
        while self._full and not self._lost and not self._chunks:
            await self._change()

    async def response(self) -> h11.Response:
        """The head of the answer; informational ones (100, 103) are skipped."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise Broken

    async def body(self) -> AsyncIterator[bytes]:
        while True:
            event = await self._event()
            if isinstance(event, h11.EndOfMessage):
                return
            if not isinstance(event, h11.Data):
                raise Broken
            yield bytes(event.data)

    async def _event(self) -> object:
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError:
                raise Broken(not self.heard) from None
            if event is not h11.NEED_DATA:
                return event
            while not self._chunks and not self._lost:
                await self._change()
            if self._chunks:
                chunk = self._chunks.popleft()
                self.heard = True
                self._held -= len(chunk)
                if self._held <= BUFFER and self._transport is not None and not self._lost:
                    self._transport.resume_reading()
                self._h11.receive_data(chunk)
            else:
                self._h11.receive_data(b"")

    def rest(self) -> bool:
        """Make ready for the next exchange; False when this connection has none left in it."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        self.idle_since = clock.monotonic()
        return self.usable


class Pool:
    """Idle connections by origin. `dial(host, port)` gives a connected socket to a vetted address."""

    def __init__(self, dial: Dial, context: ssl.SSLContext) -> None:
        self._dial, self._context = dial, context
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}

    async def take(
        self, scheme: str, host: str, port: int, *, fresh: bool = False
    ) -> tuple[Connection, bool]:
        """A connection, and whether it has served before. Raises ConnectFailed and what `dial` raises."""
        waiting = self._idle.get((scheme, host, port), [])
        while waiting and not fresh:
            connection = waiting.pop()
            if connection.usable:
                return connection, True
            connection.close()
        loop = asyncio.get_running_loop()
        sock = await self._dial(host, port)
        connection = Connection()
        tls, name = (self._context, host) if scheme == "https" else (None, None)
        try:
            await loop.create_connection(lambda: connection, sock=sock, ssl=tls, server_hostname=name)
        except (OSError, ssl.SSLError):
            sock.close()
            raise ConnectFailed from None
        except BaseException:
            sock.close()
            raise
        return connection, False

    def give_back(self, scheme: str, host: str, port: int, connection: Connection) -> None:
        waiting = self._idle.setdefault((scheme, host, port), [])
        if connection.rest() and len(waiting) < IDLE_PER_ORIGIN:
            waiting.append(connection)
        else:
            connection.close()
        if len(self._idle) > 2000:
            self.sweep()

    def sweep(self) -> None:
        """Close what has been idle too long."""
        for origin, waiting in list(self._idle.items()):
            for connection in [one for one in waiting if not one.usable]:
                waiting.remove(connection)
                connection.close()
            if not waiting:
                del self._idle[origin]

    def close(self) -> None:
        for waiting in self._idle.values():
            for connection in waiting:
                connection.close()
        self._idle.clear()
