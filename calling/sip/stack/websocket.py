"""SIP over WebSocket (RFC 7118) at the edge: the link over which a web process brings one browser's frames.

The web process holds the WebSocket and this edge the dialogs. One TCP connection to the SIP port per
WebSocket joins them: it begins with a preface that names the browser and that only a holder of the instance's
key can write, and then carries frames, one SIP message each, both ways. So a dialog belongs to one edge
however many web processes there are, a web process that starts anew costs sockets and no dialog, and nothing
more has to be opened between hosts than the SIP port. Redis has no part in it: it may lose what it carries.

Framing is pure; `WebSocketFlow` is the edge's end. What must not live here: who may open a link (the edge),
and the WebSocket itself (calling.sockets.sip_consumer).
"""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol

from calling.sip.stack.parser import MAX_MESSAGE
from calling.sip.stack.stream_parser import PING, StreamError
from calling.sip.stack.transaction import Hop

PREFACE = b"CALLWRIGHT-WS "
MAX_PREFACE = 1024
MESSAGE, CLOSE = 0, 1  # kinds of frames: one SIP message, or the code of a close (2 octets), the last of all
KNOWN = 2  # from the edge, empty: the browser has proved who it is
GONE, IDLE = 1001, 4408  # close codes: the page was left (RFC 6455 7.4.1); nothing came for too long
LOST = 1006  # no close was said
FIRST_MESSAGE_SECONDS, IDLE_SECONDS = 10.0, 900.0
MAX_UNSENT = 1_000_000
_HEAD = struct.Struct("!BI")
_CODE = struct.Struct("!H")


def preface(proof: str) -> bytes:
    """The first line of a link. `proof` says who the browser is, in a form that the edge can check."""
    return PREFACE + proof.encode() + b"\r\n"


def message_frame(data: bytes) -> bytes:
    return _HEAD.pack(MESSAGE, len(data)) + data


def close_frame(code: int) -> bytes:
    return _HEAD.pack(CLOSE, _CODE.size) + _CODE.pack(code)


def known_frame() -> bytes:
    return _HEAD.pack(KNOWN, 0)


def close_code(data: bytes) -> int:
    return int(_CODE.unpack(data)[0]) if len(data) == _CODE.size else LOST


class FrameReader:
    """Feed octets of a link, get (kind, content) of whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Raises StreamError for a frame that is larger than a SIP message may be."""
        self._buffer += data
        found: list[tuple[int, bytes]] = []
        while len(self._buffer) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._buffer)
            if size > MAX_MESSAGE:
                raise StreamError("frame too large")
            end = _HEAD.size + size
            if len(self._buffer) < end:
                break
            found.append((kind, bytes(self._buffer[_HEAD.size : end])))
            del self._buffer[:end]
        return found


class FlowOwner(Protocol):
    """What a flow tells the transport."""

    def flow_heard(self, data: bytes, hop: Hop) -> None: ...
    def flow_left(self, flow: WebSocketFlow, code: int) -> None: ...


class WebSocketFlow(asyncio.Protocol):
    """One browser's flow (RFC 5626). `hop.name` is its own, so that no other socket is ever taken for it."""

    def __init__(self, owner: FlowOwner, transport: asyncio.Transport, hop: Hop) -> None:
        self._owner, self._transport, self.hop = owner, transport, hop
        self._reader = FrameReader()
        self._code = LOST
        self._known = False
        self._watch = asyncio.get_running_loop().call_later(FIRST_MESSAGE_SECONDS, self.close, IDLE)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
        except StreamError:
            self._transport.abort()
            return
        for kind, content in frames:
            if self._transport.is_closing():
                return
            if kind == CLOSE:
                self._code = close_code(content)
                self._transport.close()
            elif kind == MESSAGE:
                self._take(content)

    def _take(self, message: bytes) -> None:
        if not message.strip(b"\r\n"):
            # A keep-alive or its answer (RFC 5626 3.5.1); it says that who is known is still there.
            if message == PING:
                self.send(b"\r\n")
            return
        self._watch.cancel()
        self._watch = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.close, IDLE)
        self._owner.flow_heard(message, self.hop)

    def send(self, data: bytes) -> bool:
        """Send one message; False: the flow is over."""
        if self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._transport.abort()
            return False
        self._transport.write(message_frame(data))
        return True

    def known(self) -> None:
        """Tell the web process, once, that this browser is no stranger."""
        if not self._known and not self._transport.is_closing():
            self._known = True
            self._transport.write(known_frame())

    def close(self, code: int) -> None:
        """Have the web process close the WebSocket with that code."""
        if not self._transport.is_closing():
            self._transport.write(close_frame(code))
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        self._owner.flow_left(self, self._code)
