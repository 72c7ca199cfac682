"""Cutting a TCP or TLS stream into SIP messages (RFC 3261 18.3, keep-alive of RFC 5626 3.5.1).

Pure. What must not live here: parsing of what was cut out.
"""

from __future__ import annotations

import re

from calling.sip.stack.parser import MAX_MESSAGE

_LENGTH = re.compile(
    rb"(?:\A|\r\n)(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*(?=\r\n|\Z)", re.IGNORECASE
)
PING = b"\r\n\r\n"


class StreamError(Exception):
    """The stream cannot be followed any further; the connection must be closed."""


class StreamFramer:
    """Feed octets, get whole messages. `pings` counts keep-alives that want an answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self.pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Messages completed by `data`. Raises StreamError: no single Content-Length, or too large."""
        self._buffer += data
        messages: list[bytes] = []
        while self._buffer:
            if self._buffer.startswith(b"\r\n") or self._buffer == b"\r":
                if self._buffer.startswith(PING):
                    self.pings += 1
                    self._buffer = self._buffer[4:]
                    continue
                if len(self._buffer) < 4 and PING.startswith(self._buffer):
                    break
                self._buffer = self._buffer[2:]
                continue
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_MESSAGE:
                    raise StreamError("headers too large")
                break
            found = _LENGTH.findall(self._buffer[:end])
            if len(found) != 1:
                raise StreamError("a stream message needs one Content-Length")
            total = end + 4 + int(found[0])
            if total > MAX_MESSAGE:
                raise StreamError("message too large")
            if len(self._buffer) < total:
                break
            messages.append(self._buffer[:total])
            self._buffer = self._buffer[total:]
        return messages
