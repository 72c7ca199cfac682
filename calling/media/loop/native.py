"""The forwarding loop's library as Python calls it: its functions, one loop and its thread.

`src/interface.h` says what the functions do. Every call gives the interpreter away. What is forwarded and
when is decided in forwarding.py, not here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from ipaddress import ip_address
from typing import Any, Final

from cffi import FFI

from calling.media.aiortc_private import SRTP_ADDRESSES, PacketBuffer, Srtp
from calling.media.loop import build
from calling.media.rtp.lent import Lent, LentAddress
from calling.media.rtp.receiver import RING

Address = tuple[Any, ...]  # as the kernel reports it
NOBODY: Final = -1


class Library:
    """The loaded library. `srtp`: the functions of libsrtp under the lock that the loop's thread takes."""

    def __init__(self, path: str) -> None:
        self.ffi = FFI()
        self.ffi.cdef((build.SOURCES / "interface.h").read_text())
        self.lib = self.ffi.dlopen(path)
        if self.lib.media_flow_bytes() != self.ffi.sizeof("struct media_flow"):
            raise OSError("the forwarding loop was built for another machine")
        self.lib.media_use_srtp(*(self.ffi.cast("void *", address) for address in SRTP_ADDRESSES))
        self.srtp = Srtp(
            self.lib.media_protect,
            self.lib.media_unprotect,
            self.lib.media_protect_rtcp,
            self.lib.media_unprotect_rtcp,
        )


@functools.cache
def library() -> Library | None:
    """The library, None where it was not built or cannot be loaded."""
    path = build.place()
    if not path.exists():
        return None
    with contextlib.suppress(OSError):
        return Library(str(path))
    return None


class NativeLoop:
    """The thread that reads some sockets. `wake`: readable while datagrams wait to be taken."""

    def __init__(self, library: Library) -> None:
        """Raises OSError where the system has no room for it."""
        self._library, self._lib, self._ffi = library, library.lib, library.ffi
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._loop = self._lib.media_open(self.wake)
        if self._loop == self._ffi.NULL:
            os.close(self.wake)
            raise OSError("no thread for the forwarding loop")
        self._arrival = self._ffi.new("struct media_arrival *")
        self._ring = self._ffi.new("struct media_kept[]", RING)
        self._one = self._ffi.new("struct media_kept *")
        self.flow: Lent = self._ffi.new("struct media_flow *")  # what `install`, `read` and `recall` fill

    @property
    def srtp(self) -> Srtp:
        return self._library.srtp

    def close(self) -> None:
        self._lib.media_close(self._loop)
        os.close(self.wake)

    def add(self, sock: socket.socket, place: int) -> None:
        """Read that socket, which must stay open until `close`."""
        if self._lib.media_add_socket(self._loop, sock.fileno(), place):
            raise OSError("the forwarding loop reads no more sockets")

    # --- datagrams for Python

    def take(self, buffer: PacketBuffer) -> tuple[int, int]:
        """(size, path) of the next datagram, which lies in `buffer` then; size -1: none waits."""
        size = self._lib.media_take(self._loop, buffer.c, len(buffer.view), self._arrival)
        return size, self._arrival.path

    def source(self) -> tuple[int, Address]:
        """(place, address) that the datagram taken last came from."""
        arrival = self._arrival
        at = arrival.at
        packed = bytes(at.ip)
        if at.family == 4:
            return arrival.place, (socket.inet_ntop(socket.AF_INET, packed[:4]), at.port)
        return arrival.place, (socket.inet_ntop(socket.AF_INET6, packed), at.port, 0, at.scope)

    # --- paths and flows

    def place(self, place: int, address: Address) -> int:
        """The number of a path from that address, `NOBODY` where there is no room."""
        at = self._ffi.new("struct media_address *")
        self.write_address(at, address)
        return int(self._lib.media_place(self._loop, place, at))

    def displace(self, path: int) -> None:
        self._lib.media_displace(self._loop, path)

    def blank(self) -> Lent:
        """`flow` with nothing in it."""
        self._ffi.memmove(
            self.flow, bytes(self._ffi.sizeof("struct media_flow")), self._ffi.sizeof("struct media_flow")
        )
        return self.flow

    def install(self, path: int) -> int:
        """Forward what `flow` says; the flow's number, -1 where it cannot be."""
        return int(self._lib.media_install(self._loop, path, self.flow))

    def read(self, number: int) -> bool:
        return bool(self._lib.media_read(self._loop, number, self.flow) == 0)

    def recall(self, number: int) -> bool:
        """The packets of a picture are in `kept_packets` then."""
        return bool(self._lib.media_recall(self._loop, number, self.flow, self._ring) == 0)

    def kept(self, number: int, sequence: int) -> bytes | None:
        """A packet that the flow of a picture has kept."""
        if self._lib.media_kept(self._loop, number, sequence, self._one):
            return None
        return bytes(self._ffi.buffer(self._one.data, self._one.size))

    def kept_packets(self, top: int, count: int) -> list[tuple[int, bytes]]:
        """(sequence, packet) of the `count` packets up to `top`, of the flow recalled last."""
        slots = (self._ring[(top - back) & (RING - 1)] for back in range(min(count, RING)))
        return [(slot.sequence, bytes(self._ffi.buffer(slot.data, slot.size))) for slot in slots if slot.size]

    @staticmethod
    def write_address(at: LentAddress, address: Address) -> None:
        ip = ip_address(address[0].partition("%")[0])
        at.family, at.port, at.scope = ip.version, address[1], address[3] if len(address) > 3 else 0
        at.ip = ip.packed.ljust(16, b"\0")
