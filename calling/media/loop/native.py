"""The forwarding loop's library as Python calls it: its functions, one loop and its thread.

`src/interface.h` says what the functions do. Every call gives the interpreter away. What is forwarded and
when is decided in forwarding.py, not here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from struct import Struct
from typing import Any, Final

from cffi import FFI

from calling.media.aiortc_private.srtp import SRTP_ADDRESSES, PacketBuffer, Srtp
from calling.media.loop import build
from calling.media.rtp.lent import Lent, LentAddress, LentSender
from calling.media.rtp.packet_history import PICTURES_KEPT
from calling.media.rtp.wide_numbers import KEPT, WideNumbers

Address = tuple[Any, ...]  # as the kernel reports it
V4, V6 = Struct("=HH4s8x"), Struct("=HHI16sI")  # struct sockaddr_in, sockaddr_in6
NOBODY: Final = -1
SENDERS: Final = 64  # listeners of one stream
FLOWS: Final = 4096
SILENCE: Final = 255
CAME: Final = 512  # packets that the loop has seen and Python has not heard of


class Library:
    """The loaded library. `srtp`: the functions of libsrtp under the lock that the loop's thread takes."""

    def __init__(self, path: str) -> None:
        self.ffi = FFI()
        self.ffi.cdef((build.SOURCES / "interface.h").read_text())
        self.lib = self.ffi.dlopen(path)
        if self.lib.media_bytes() != sum(
            self.ffi.sizeof(f"struct media_{each}") for each in ("flow", "sender")
        ):
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


class LoopNumbers:
    """See wide_numbers.WideNumbers. The memory is that of this object: who forwards by it holds it."""

    def __init__(self, library: Library) -> None:
        self._lib, self._ffi = library.lib, library.ffi
        self._wide = self._ffi.new("struct media_wide *")
        self.memory: object = self._wide
        self._taken = 0

    def went(self, view: memoryview, size: int, number: int, now: float) -> int:
        data = self._ffi.from_buffer("uint8_t[]", view)
        return int(self._lib.media_went(self._wide, data, size, len(view), number, now))

    def take(self, number: int, *, forget: bool) -> tuple[float, int] | None:
        wide, place = self._wide, number % KEPT
        found, late = wide.sent[place], (wide.next - 1 - number) & 0xFFFF
        if late >= KEPT or not found:
            return None
        if forget and late < KEPT // 2:  # else the loop may be about to write another one there
            wide.sent[place] = 0
        return 1e-6 * (found >> 16), found & 0xFFFF

    def came(self) -> list[tuple[int, float]]:
        wide, count = self._wide, self._wide.count
        ring = wide.came
        places = range(max(self._taken, count - CAME), count)
        self._taken = count
        return [(each & 0xFFFF, 1e-6 * (each >> 16)) for each in (ring[at % CAME] for at in places)]


class NativeLoop:
    """The thread that reads some sockets. `wake`: readable while datagrams wait to be taken."""

    def __init__(self, library: Library) -> None:
        """Raises OSError where the system has no room for it."""
        self._library, self._lib, self._ffi = library, library.lib, library.ffi
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._levels = self._ffi.new("uint8_t[]", FLOWS)
        # of each flow the loudest level since `SILENCE` was written there
        self.levels = memoryview(self._ffi.buffer(self._levels)).cast("B")
        self._loop = self._lib.media_open(self.wake, self._levels)
        if self._loop == self._ffi.NULL:
            os.close(self.wake)
            raise OSError("no thread for the forwarding loop")
        self._arrival = self._ffi.new("struct media_arrival *")
        self._ring = self._ffi.new("struct media_kept[]", PICTURES_KEPT)
        self._one = self._ffi.new("struct media_kept *")
        # what `install` takes, and what `read` and `recall` fill
        self.flow: Lent = self._ffi.new("struct media_flow *")
        self.senders: Sequence[LentSender] = self._ffi.new("struct media_sender[]", SENDERS)

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
        data = bytes(arrival.at.bytes)
        if arrival.at.size == V4.size:
            _, port, ip = V4.unpack_from(data)
            return arrival.place, (socket.inet_ntop(socket.AF_INET, ip), socket.ntohs(port))
        _, port, _, ip, scope = V6.unpack(data)
        return arrival.place, (socket.inet_ntop(socket.AF_INET6, ip), socket.ntohs(port), 0, scope)

    # --- paths and flows

    def place(self, place: int, address: Address) -> int:
        """The number of a path from that address, `NOBODY` where there is no room."""
        at = self._ffi.new("struct media_address *")
        self.write_address(at, address)
        return int(self._lib.media_place(self._loop, place, at))

    def displace(self, path: int) -> None:
        self._lib.media_displace(self._loop, path)

    def blank(self, count: int) -> Lent:
        """`flow` and that many of `senders` with nothing in them."""
        for each, size in ((self.flow, "struct media_flow"), (self.senders, "struct media_sender")):
            length = self._ffi.sizeof(size) * (count if each is self.senders else 1)
            self._ffi.memmove(each, bytes(length), length)
        return self.flow

    def install(self, path: int, count: int) -> int:
        """Forward what `flow` and that many of `senders` say, from that path or (`NOBODY`) what is pushed.

        Returns the flow's number, -1 where it cannot be.
        """
        return int(self._lib.media_install(self._loop, path, self.flow, self.senders, count))

    def read(self, number: int) -> bool:
        none = self._ffi.NULL
        return bool(self._lib.media_recall(self._loop, number, self.flow, self.senders, none) == 0)

    def recall(self, number: int) -> bool:
        """What was kept is in `kept_packets` then."""
        return bool(self._lib.media_recall(self._loop, number, self.flow, self.senders, self._ring) == 0)

    def drain(self, number: int, most: int) -> tuple[bytes, float] | None:
        """The next packet that was kept and not taken yet, of the `most` last ones, and when it came."""
        if self._lib.media_kept(self._loop, number, -1, most, self._one):
            return None
        return bytes(self._ffi.buffer(self._one.data, self._one.size)), self._one.at

    def wide(self) -> WideNumbers:
        """Transport-wide numbers of a leg, which this loop and Python count on together."""
        return LoopNumbers(self._library)

    def push(self, numbers: list[int], payload: bytes, step: int) -> None:
        data = self._ffi.from_buffer("uint8_t[]", payload)
        self._lib.media_push(self._loop, numbers, len(numbers), data, len(payload), step)

    def kept(self, number: int, sequence: int) -> bytes | None:
        """A packet that the flow of a picture has kept."""
        if self._lib.media_kept(self._loop, number, sequence, 0, self._one):
            return None
        return bytes(self._ffi.buffer(self._one.data, self._one.size))

    def kept_packets(self, top: int, count: int) -> list[tuple[int, bytes, float]]:
        """(sequence, packet, when it came) of the `count` numbers up to `top`, where these were kept, of the
        flow recalled last; the oldest first."""
        places, found = self.flow.keeps, []
        for back in range(min(count, places) - 1, -1, -1):
            slot, sequence = self._ring[(top - back) & (places - 1)], (top - back) & 0xFFFF
            if slot.size and slot.sequence == sequence:
                found.append((sequence, bytes(self._ffi.buffer(slot.data, slot.size)), slot.at))
        return found

    @staticmethod
    def write_address(at: LentAddress, address: Address) -> None:
        ip = ip_address(address[0].partition("%")[0])
        port = socket.htons(address[1])
        if ip.version == 4:
            data = V4.pack(socket.AF_INET, port, ip.packed)
        else:
            data = V6.pack(socket.AF_INET6, port, 0, ip.packed, address[3] if len(address) > 3 else 0)
        at.size = len(data)
        at.bytes[0 : len(data)] = data
