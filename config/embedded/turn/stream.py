"""One client of the TURN server over TCP (RFC 8656 section 3.1): its frames, its address, its end.

Where TCP comes in directly it is the client's own connection. Where it comes through the https port, the web
process has taken TLS off and names the client in a first line (`name`), which is believed on the server's
unix socket alone. What a frame means is in `server.py`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Container
from typing import Protocol, TypeAlias, cast

from config.embedded.turn import wire

Client: TypeAlias = tuple[str, int, str]  # host, port, and `udp` or `tcp`
MOST, MOST_OF_ONE = 1000, 50  # connections, and those of one address
UNKNOWN_SECONDS = 15.0  # for an allocation: without one a connection is a stranger's
LONGEST_FRAME = 4096  # a datagram of media and a header are 1,500 bytes
BEHIND = 64 * 1024  # bytes that wait for a client; further datagrams are lost, as over UDP
LONGEST_NAME = 100


def name(host: str, port: int) -> bytes:
    """The first line of a connection that is handed on: who the client is."""
    return f"CLIENT {host} {port}\r\n".encode()


def named(line: bytes) -> tuple[str, int] | None:
    """What `name` wrote; None where it is something else."""
    words = line.decode("ascii", "replace").split()
    if len(words) != 3 or words[0] != "CLIENT" or not words[2].isdecimal():
        return None
    try:
        return str(ipaddress.ip_address(words[1])), int(words[2])
    except ValueError:
        return None


class Server(Protocol):
    """What a stream needs of the server."""

    doors: Doors

    @property
    def allocations(self) -> Container[Client]: ...
    def receive(self, data: bytes, client: Client) -> None:
        """One STUN message or ChannelData."""

    def gone(self, client: Client) -> None:
        """Its connection has ended."""


class Doors:
    """The connections of one server, counted."""

    def __init__(self) -> None:
        self.open: dict[Client, TurnStream] = {}
        self.by_host: Counter[str] = Counter()

    def admit(self, client: Client, stream: TurnStream) -> bool:
        if len(self.open) >= MOST or self.by_host[client[0]] >= MOST_OF_ONE or client in self.open:
            return False
        self.open[client] = stream
        self.by_host[client[0]] += 1
        return True

    def leave(self, client: Client) -> None:
        del self.open[client]
        self.by_host[client[0]] -= 1
        if not self.by_host[client[0]]:
            del self.by_host[client[0]]


class TurnStream(asyncio.Protocol):
    """handed_on: the first line names the client."""

    def __init__(self, server: Server, *, handed_on: bool = False) -> None:
        self._server = server
        self._client: Client | None = None
        self._handed_on = handed_on
        self._rest = b""
        self._deadline: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._deadline = asyncio.get_running_loop().call_later(UNKNOWN_SECONDS, self._look)
        if not self._handed_on:
            self._admit(*transport.get_extra_info("peername")[:2])

    def _admit(self, host: str, port: int) -> None:
        client = (host, port, "tcp")
        if self._server.doors.admit(client, self):
            self._client = client
        else:
            self.close()

    def _look(self) -> None:
        """Who has no allocation, or not any more, has no business here."""
        if self._client is None or self._client not in self._server.allocations:
            self.close()
        else:
            self._deadline = asyncio.get_running_loop().call_later(UNKNOWN_SECONDS, self._look)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._client is not None:
            self._server.doors.leave(self._client)
            self._server.gone(self._client)
            self._client = None

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if self._client is None and not self._read_name():
            return
        while self._client is not None and len(self._rest) >= 4:
            size = wire.frame_size(self._rest)
            if size is None or size > LONGEST_FRAME:
                self.close()
                return
            padded = size + -size % 4  # RFC 8656 section 12.5
            if len(self._rest) < padded:
                return
            frame, self._rest = self._rest[:size], self._rest[padded:]
            self._server.receive(frame, self._client)

    def _read_name(self) -> bool:
        line, end, rest = self._rest.partition(b"\r\n")
        if not end:
            if len(self._rest) > LONGEST_NAME:
                self.close()
            return False
        who = named(line) if self._handed_on and len(line) <= LONGEST_NAME else None
        if who is None:
            self.close()
            return False
        self._rest = rest
        self._admit(*who)
        return self._client is not None

    def send(self, data: bytes) -> None:
        """One STUN message or ChannelData to the client."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if transport.get_write_buffer_size() > BEHIND:
                return
            transport.write(data + bytes(-len(data) % 4))
