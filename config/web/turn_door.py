"""TURN on the https port: a connection whose first byte is STUN's is handed on to the TURN server.

For networks from which nothing but https gets out. TLS is off here already; HTTP begins with a letter, a STUN
message with 0 or 1 (RFC 7983 section 7). What is inside is read by the TURN process alone; here bytes are
passed, and no more are read while the other side has not taken those before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from config.embedded.turn import stream
from config.web.header_limits import BoundedHead

STUN = (0, 1)  # how a client's first message may begin
CONNECT_SECONDS = 5.0
EARLY = 64 * 1024  # bytes that were under way when reading was paused


def door_to(path: Path) -> type[BoundedHead]:
    """The protocol of the https port where the TURN server listens at that unix socket."""

    class HttpsOrTurn(BoundedHead):
        _said = False

        def data_received(self, data: bytes) -> None:
            if not self._said and data[:1] and data[0] in STUN:
                self.leave()
                Passage(path).begin(self.transport, data)
                return
            self._said = True
            super().data_received(data)

    return HttpsOrTurn


class _Side(asyncio.Protocol):
    """One of the two connections; what it reads goes to the other."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.passage.pass_on(self, data)

    def pause_writing(self) -> None:
        self.passage.held(self, lambda other: other.pause_reading())

    def resume_writing(self) -> None:
        self.passage.held(self, lambda other: other.resume_reading())

    def connection_lost(self, exc: Exception | None) -> None:
        self.passage.end()


class Passage:
    """A client's connection and the one to the TURN server; the end of one is that of both."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outer, self._inner = _Side(self), _Side(self)
        self._early = b""
        self._task: asyncio.Task[None] | None = None

    def begin(self, client: asyncio.Transport, data: bytes) -> None:
        """Take the client's connection over, of which these bytes were read."""
        host, port = client.get_extra_info("peername")[:2]
        self._early = stream.name(host, port) + data
        self._outer.connection_made(client)
        client.set_protocol(self._outer)
        client.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_unix_connection(lambda: self._inner, str(self._path))
        except (OSError, TimeoutError):
            self.end()
            return
        outer, inner = self._outer.transport, self._inner.transport
        if outer is None or inner is None or outer.is_closing():
            self.end()
            return
        inner.write(self._early)
        self._early = b""
        outer.resume_reading()

    def pass_on(self, side: _Side, data: bytes) -> None:
        other = self._other(side)
        if other is not None:
            other.write(data)
        elif len(self._early) < EARLY:
            self._early += data
        else:
            self.end()

    def held(self, side: _Side, act: Callable[[asyncio.Transport], None]) -> None:
        """`side` can take no more, or again: the other is to be read accordingly."""
        other = self._other(side)
        if other is not None and not other.is_closing():
            act(other)

    def _other(self, side: _Side) -> asyncio.Transport | None:
        return (self._inner if side is self._outer else self._outer).transport

    def end(self) -> None:
        for side in (self._outer, self._inner):
            if side.transport is not None:
                side.transport.abort()
