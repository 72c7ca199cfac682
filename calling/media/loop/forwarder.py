"""Which packets go from leg to leg without Python, and for how long.

A flow is one stream of one leg that is relayed to one sender and to nothing else. The sender offers it after
some packets; from then on the thread of native.py reads, rewrites and sends its packets, and has the numbers
of both ends. Whatever else is to be done with them (a tap, a mute, digits, another source, key or address)
recalls the flow first, and so does each of its packets that comes through Python. No packet is handled here.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from calling.media.aiortc_private import PacketBuffer, Srtp
from calling.media.loop.native import NOBODY, Address, NativeLoop, library
from calling.media.rtp.lent import Lent
from calling.media.rtp.receiver import RtpReceiveStream, Sink
from calling.media.rtp.sender import RtpSender
from calling.media.rtp.transport import Hop, RtpTransport

log = logging.getLogger(__name__)
SOUND, REDUNDANT, CARRIED = 1, 2, 4  # media_flow.kinds


class Owner(Hashable, Protocol):
    """Who gets what comes from an address."""

    owner: object  # the transport


P = TypeVar("P", bound=Owner)


class Flow:
    """A stream that is forwarded; see receiver.Forwarded."""

    def __init__(
        self, forwarder: Forwarder[Any], number: int, stream: RtpReceiveStream, sender: RtpSender
    ) -> None:
        self._forwarder, self._number = forwarder, number
        self._stream, self._sender = stream, sender
        # They, and thereby their sessions, live as long as the flow.
        self._ends = (cast(RtpTransport, stream.inlet.transport), cast(RtpTransport, sender.transport))
        self._since = stream.packets
        stream.flow = sender.flow = self
        for end in self._ends:
            end.flows.add(self)

    def sync(self) -> None:
        loop = self._forwarder.native
        if loop.read(self._number):
            self._write(loop.flow)

    def recall(self) -> None:
        loop = self._forwarder.native
        self._stream.flow = self._sender.flow = None
        for end in self._ends:
            end.flows.discard(self)
        if loop.recall(self._number):
            self._write(loop.flow)
            if self._stream.ring is not None:
                self._stream.keep(loop.kept_packets(self._stream.top, self._stream.packets - self._since))

    def kept(self, sequence: int) -> bytes | None:
        return self._forwarder.native.kept(self._number, sequence)

    def _write(self, flow: Lent) -> None:
        self._stream.restore(flow)
        self._sender.restore(flow)
        self._ends[0].refused += flow.refused
        self._ends[1].port.unsent += flow.unsent


class Forwarder(Generic[P]):
    """The forwarding loop of one shared port."""

    def __init__(self, native: NativeLoop) -> None:
        self.native = native
        self.srtp: Srtp = native.srtp
        self.wake = native.wake
        self._numbers: dict[P, int] = {}  # of the paths that the loop knows
        self._paths: dict[int, tuple[P, Address]] = {}
        self._at: dict[P, tuple[int, Address]] = {}

    def close(self) -> None:
        for owner in list(self._numbers):
            self.leave(owner)
        self.native.close()

    # --- datagrams

    def read(self, sock: socket.socket, place: int) -> None:
        """Read that socket; it stays open until `close`."""
        self.native.add(sock, place)

    def take(self, buffer: PacketBuffer) -> tuple[int, tuple[P, Address] | None]:
        """The next datagram for Python: its size, -1 for none, and who is at its source, if known."""
        size, path = self.native.take(buffer)
        return size, self._paths.get(path)

    def source(self) -> tuple[int, Address]:
        """(place, address) of the datagram taken last."""
        return self.native.source()

    # --- paths

    def know(self, hop: Hop) -> int:
        """The number of the path from the hop's far address, `NOBODY` where there is no room."""
        owner = cast(P, hop.owner)
        number = self._numbers.get(owner)
        if number is not None and self._at[owner] == (hop.place, hop.address):
            return number
        self.leave(owner)
        number = self.native.place(hop.place, hop.address)
        if number != NOBODY:
            self._numbers[owner], self._at[owner] = number, (hop.place, hop.address)
            self._paths[number] = owner, hop.address
        return number

    def check(self, owner: P | None, routes: Sequence[Mapping[Address, P]]) -> None:
        """Addresses have changed hands: one that is no longer this one's is nobody's here."""
        at = self._at.get(owner) if owner is not None else None
        if owner is not None and at is not None and routes[at[0]].get(at[1]) is not owner:
            self.leave(owner)

    def leave(self, owner: P) -> None:
        """Forget where that one is; nothing from there is forwarded."""
        number = self._numbers.pop(owner, None)
        if number is not None:
            cast(RtpTransport, owner.owner).take_back()
            del self._paths[number], self._at[owner]
            self.native.displace(number)

    # --- flows

    def offer(self, stream: RtpReceiveStream, sender: Sink) -> None:
        """Take the packets of a stream over, if nothing else is done with them than to relay them there."""
        source = stream.inlet.transport
        if not isinstance(sender, RtpSender) or not isinstance(source, RtpTransport):
            return
        target = sender.transport
        if stream.flow is not None or target is None:
            return
        if source.forwarder is not self or not stream.inlet.only_relays(sender):
            return
        come, go = source.hop(), target.hop()
        if come is None or go is None or source.rx is None or target.tx is None:
            return
        path = self.know(come)  # it may recall flows, which fills the one that is filled below
        flow = self.native.blank()
        pts = sender.lend(stream, flow)
        if pts is None or not stream.lend(flow):
            return
        _mark_kinds(flow, stream, pts)
        flow.rx, flow.tx, flow.fd = source.rx, target.tx, go.sock.fileno()
        self.native.write_address(flow.to, go.address)
        number = self.native.install(path) if path != NOBODY else -1
        if number >= 0:
            Flow(self, number, stream, sender)


def _mark_kinds(flow: Lent, stream: RtpReceiveStream, pts: Mapping[int, int]) -> None:
    """Which payload types are forwarded; the others go through Python."""
    inlet = stream.inlet
    for pt, own in pts.items():
        if pt not in inlet.noticed:
            flow.kinds[pt] = SOUND | (CARRIED if pt in inlet.carried else 0)
            flow.pts[pt] = own
    if all(flow.kinds[pt] for pt in inlet.carried):
        for pt in inlet.redundant:
            flow.kinds[pt] = REDUNDANT


def opened(wanted: str) -> Forwarder[Any] | None:
    """A forwarding loop (wanted: `c`, `auto` or `python`), None where Python is to do it all."""
    found = library() if wanted != "python" else None
    if found is None:
        return None
    try:
        return Forwarder(NativeLoop(found))
    except OSError as error:
        log.warning("Media are forwarded in Python", extra={"error": str(error)[:200]})
        return None
