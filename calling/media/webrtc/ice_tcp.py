"""ICE over TCP, passive (RFC 6544): a device whose UDP is dropped on its way connects to the same number.

Each frame (RFC 4571: two bytes of length, then what would be a datagram) is handed on with the far end's
address, as one of UDP would be; a connection is a leg's once a check on it was authentic. To those who send,
the door is a socket whose far addresses are its connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

Address = tuple[Any, ...]
MOST, MOST_OF_ONE = 1000, 50  # connections at once, and of one address (many devices may be behind a NAT)
UNKNOWN_SECONDS = 5.0  # for a first check, and for what is left over when a leg has ended
LONGEST = 2048  # bytes of a frame: no packet of media is longer
READ = 16 * 1024
# Bytes that a slow connection may be behind; what comes then is lost, as over UDP.
MOST_WAITING = 64 * 1024
Take = Callable[[memoryview, Address], None]
Known = Callable[[Address], bool]


class TcpDoor:
    """The listening socket at one address and its connections. `take(frame, address)` gets what comes;
    `known(address)`: whether it is a leg's."""

    def __init__(self, host: str, port: int, take: Take, known: Known) -> None:
        """Raises OSError where the port is taken."""
        self.take, self.known = take, known
        self.lines: dict[Address, Line] = {}
        self.loop = asyncio.get_running_loop()
        self._hosts: Counter[str] = Counter()
        self._sock = socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET,
            socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
        )
        try:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._sock.bind((host, port))
            self._sock.listen(128)
        except BaseException:
            self._sock.close()
            raise
        self.loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            sock, address = self._sock.accept()
        except OSError:  # gone again, or out of descriptors
            return
        if len(self.lines) >= MOST or self._hosts[address[0]] >= MOST_OF_ONE:
            sock.close()
            return
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._hosts[address[0]] += 1
        self.lines[address[:2]] = Line(self, sock, address)

    def forget(self, line: Line) -> None:
        """A connection is closed."""
        self.lines.pop(line.address[:2], None)
        host = line.address[0]
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]

    def getsockname(self) -> Address:
        return tuple(self._sock.getsockname())

    def sendto(self, data: bytes | memoryview, address: Address) -> int:
        """Send one packet over the connection from that address; raises OSError where it cannot be taken."""
        line = self.lines.get(address[:2])
        if line is None:
            raise OSError(errno.ENOTCONN, "That far end is not connected.")
        line.send(data)
        return len(data)

    def close(self) -> None:
        self.loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for line in list(self.lines.values()):
            line.close()


class Line:
    """One connection."""

    def __init__(self, door: TcpDoor, sock: socket.socket, address: Address) -> None:
        self.door, self.sock, self.address = door, sock, address
        self._came = bytearray()
        self._waits = bytearray()
        door.loop.add_reader(sock.fileno(), self._readable)
        self._timer = door.loop.call_later(UNKNOWN_SECONDS, self._look)

    def _look(self) -> None:
        if self.door.known(self.address):
            self._timer = self.door.loop.call_later(UNKNOWN_SECONDS, self._look)
        else:
            self.close()

    def _readable(self) -> None:
        try:
            data = self.sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        came = self._came
        came += data
        at = 0
        while len(came) - at >= 2:
            size = came[at] << 8 | came[at + 1]
            if size > LONGEST:
                self.close()
                return
            if len(came) - at < 2 + size:
                break
            frame = bytes(came[at + 2 : at + 2 + size])
            at += 2 + size
            self.door.take(memoryview(frame), self.address)
        del came[:at]

    def send(self, data: bytes | memoryview) -> None:
        frame = len(data).to_bytes(2, "big") + bytes(data)
        if self._waits:
            if len(self._waits) + len(frame) > MOST_WAITING:
                raise BlockingIOError(errno.EAGAIN, "The connection is too slow.")
            self._waits += frame
            return
        try:
            sent = self.sock.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._waits += frame[sent:]
            self.door.loop.add_writer(self.sock.fileno(), self._writable)

    def _writable(self) -> None:
        try:
            sent = self.sock.send(self._waits)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._waits[:sent]
        if not self._waits:
            self.door.loop.remove_writer(self.sock.fileno())

    def close(self) -> None:
        if self.sock.fileno() == -1:
            return
        self._timer.cancel()
        self.door.loop.remove_reader(self.sock.fileno())
        self.door.loop.remove_writer(self.sock.fileno())
        self.sock.close()
        self.door.forget(self)
