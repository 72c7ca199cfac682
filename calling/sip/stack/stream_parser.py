"""Cutting a TCP or TLS stream into SIP messages (RFC 3261 18.3, keep-alive of RFC 5626 3.5.1).

Pure. What must not live here: parsing of what was cut out.
"""

from __future__ import annotations

import re

from calling.sip.stack.parser import MAX_MESSAGE

_FOLD = rb"(?:[ \t]|\r?\n[ \t])*"  # white space, over a line's end too (RFC 3261 7.3.1)
_LENGTH = re.compile(
    rb"(?:\A|\n)(?:content-length|l)[ \t]*:" + _FOLD + rb"(\d{1,9})" + _FOLD + rb"(?=\r?\n|\Z)", re.IGNORECASE
)
PING = b"\r\n\r\n"


class StreamError(Exception):
    """The stream cannot be followed any further; the connection must be closed.

    `head`: the header of the message at which that was found, b"" where it is none; `status` would answer it.
    """

    def __init__(self, why: str, head: bytes = b"", status: int = 400) -> None:
        super().__init__(why)
        self.head, self.status = head, status


class StreamFramer:
    """Feed octets, get whole messages. `pings` counts keep-alives that want an answer.

    `fault` is set where the stream cannot be followed any further: no single Content-Length, or too large.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self.pings = 0
        self.fault: StreamError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Messages completed by `data`, those before a fault included."""
        messages: list[bytes] = []
        self._buffer += data if self.fault is None else b""
        while self._buffer and self.fault is None:
            if self._buffer.startswith(b"\r\n") or self._buffer == b"\r":
                if self._buffer.startswith(PING):
                    self.pings += 1
                    self._buffer = self._buffer[4:]
                    continue
                if len(self._buffer) < 4 and PING.startswith(self._buffer):
                    break
                self._buffer = self._buffer[2:]
                continue
            size = _head_size(self._buffer)
            if not size:
                if len(self._buffer) > MAX_MESSAGE:
                    self._give_up("headers too large", self._buffer, 513)
                break
            head = self._buffer[:size]
            lengths = _LENGTH.findall(head)
            if len(lengths) != 1:
                self._give_up("a stream message needs one Content-Length", head, 400)
                break
            total = size + int(lengths[0])
            if total > MAX_MESSAGE:
                self._give_up("message too large", head, 513)
                break
            if len(self._buffer) < total:
                break
            messages.append(self._buffer[:total])
            self._buffer = self._buffer[total:]
        return messages

    def _give_up(self, why: str, head: bytes, status: int) -> None:
        self.fault, self._buffer = StreamError(why, head, status), b""


def _head_size(data: bytes) -> int:
    """The octets of a header with the blank line behind it, 0 while it is not whole.

    Some devices end their lines with LF alone, and then all of them (see the parser).
    """
    end = data.find(b"\r\n\r\n")
    first = data.find(b"\r")
    bare = data.find(b"\n\n", 0, first if first >= 0 else len(data))
    return bare + 2 if bare >= 0 else end + 4 if end >= 0 else 0
