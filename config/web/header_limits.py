"""Bounds of a request's head: the time and the bytes it may take. uvicorn has neither.

A connection that says nothing, or its headers one byte at a time, would be kept for ever; headers without end
would be kept in memory. What follows the head has its own bounds (`config.web.body_limits`, the sockets'
deadlines).
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from config.web import early_errors
from rest import request_ids

SECONDS: Final = 10.0
BYTES: Final = 64 * 1024


class BoundedHead(HttpToolsProtocol):
    """Ends a connection whose next head is late or large."""

    _deadline: asyncio.TimerHandle | None = None
    _bytes = 0  # as they arrived, until the head is whole
    _read = 0  # as they were read: a head that came in one piece is whole before anybody counted
    _over = False
    _came = b""  # what the parser was given last: an error is answered from what can be read of it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        self._came = data
        super().data_received(data)
        if self._deadline is not None:
            self._bytes += len(data)
            if self._bytes > BYTES:
                self._refuse(431)

    def leave(self) -> None:
        """Another protocol takes the connection; no request ever came over it."""
        self._have()
        self.connections.discard(self)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._read = 0
        if self._deadline is None:
            self._expect()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        """Ends the parsing too where it is too much: what follows is not read and nothing is asked."""
        self._read += size
        if self._read > BYTES:
            self._refuse(431)
            raise ValueError("the head is too large")

    def on_headers_complete(self) -> None:
        self._have()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._have()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def _expect(self) -> None:
        self._bytes = 0
        self._deadline = self.loop.call_later(SECONDS, self.transport.abort)

    def _have(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int) -> None:
        self._have()
        if self._over:
            return
        self._over = True
        title = early_errors.ERRORS[status][0]
        request_id = early_errors.request_id_of(self._came)
        base = early_errors.base_of_head(self._came, self.scheme or "http", self.server)
        body = early_errors.body(status, request_id, base)
        head = f"HTTP/1.1 {status} {title}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        head += f"{request_ids.HEADER.lower()}: {request_id}\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()
