"""What a WebSocket may ask of uvicorn before any consumer sees it: a handshake, pings, pieces of a message.

A handshake that is none is answered in the shape of every other error. Pings and pieces are no messages, so
no consumer counts them: without bounds one socket keeps its whole process busy, and pongs that nobody reads
wait in memory.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

import clock
from calling.runtime.token_bucket import TokenBucket
from config.web import early_errors
from rest import request_ids

FLOOD: Final = 4429
PINGS_PER_SECOND: Final = 50
PINGS_AT_ONCE: Final = 200
NOT_UTF_8: Final = 1007  # RFC 6455 7.4.1
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 2**20
MOST_PIECES: Final = 2048
"""Of one message: 256 kB in pieces of 128 bytes."""


class Handshake(ServerProtocol):
    """The protocol of the `websockets` package; what it refuses is told as JSON."""

    base: str | None = None

    def accept(self, request: Request) -> Response:
        response = super().accept(request)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            return response
        said = response.body.decode(errors="replace").strip() if response.body else None
        return self.told(response.status_code, request.headers, said, response.headers.get("Allow"))

    def told(
        self, status: int, asked: Headers | None, words: str | None, allow: str | None = None
    ) -> Response:
        """An error answer in the shape of docs/contract.md#errors."""
        sent = asked.get_all(request_ids.HEADER) if asked is not None else []
        request_id = request_ids.chosen(sent[0] if sent else None)
        body = early_errors.body(status, request_id, self.base, words)
        headers = Headers(
            [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
        )
        headers[request_ids.HEADER.lower()] = request_id
        if allow is not None:
            headers["allow"] = allow
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["retry-after"] = "1"
        return Response(status, HTTPStatus(status).phrase, headers, body)


class BoundedSocket(WebSocketsSansIOProtocol):
    """A socket that is closed 4429 where it floods with what is no message."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn: Handshake = Handshake(max_size=self.config.ws_max_size, logger=self.logger)
        self._pings = TokenBucket(PINGS_PER_SECOND, PINGS_AT_ONCE, clock.monotonic())
        self._pieces, self._over, self._thrown_away = 0, False, 0

    def handle_connect(self, event: Request) -> None:
        host = event.headers.get_all("Host")
        head = b"host: " + host[0].encode("latin-1", "replace") if host else b""
        self.conn.base = early_errors.base_of_head(
            head, "https" if self.scheme == "wss" else "http", self.server
        )
        super().handle_connect(event)

    def handle_ping(self) -> None:
        if self._pings.take(clock.monotonic()):
            super().handle_ping()
        else:
            self._flooded("too many pings")

    def handle_text(self, event: Frame) -> None:
        self._pieces = 0
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        self._pieces = 0
        super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            self._flooded("too many pieces of one message")
        else:
            super().handle_cont(event)

    def send_500_response(self) -> None:
        """A consumer failed, or the process ends, before the handshake was answered: come again."""
        if self.initial_response or self.handshake_complete:
            return
        asked = self.request.headers if hasattr(self, "request") else None
        self.conn.send_response(self.conn.told(HTTPStatus.SERVICE_UNAVAILABLE, asked, None))
        self.transport.write(b"".join(self.conn.data_to_send()))

    def send_receive_event_to_app(self) -> None:
        """What is no UTF-8 is the client's fault: closed 1007, and no error of ours in the log."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(NOT_UTF_8)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def data_received(self, data: bytes) -> None:
        if not self._over:
            super().data_received(data)
            return
        self._thrown_away += len(data)
        if self._thrown_away > LINGER_BYTES:
            self.transport.abort()

    def handle_parser_exception(self) -> None:
        """A close frame is ready. What still comes is thrown away for a moment: a connection that is closed
        over unread bytes is reset, and the peer never reads why."""
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_sent = self._over = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _flooded(self, why: str) -> None:
        """Nothing more is read, and what waits to be sent is left."""
        if self.close_sent or self.transport.is_closing() or self.conn.state is not State.OPEN:
            return
        self.stop_keepalive()
        self.conn.data_to_send()
        self.conn.send_close(FLOOD, why)
        self.handle_parser_exception()
