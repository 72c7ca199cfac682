"""Which packets go from leg to leg without Python, and for how long.

A flow is one stream of one leg that is relayed to senders and to nothing else, or of which a room needs the
levels alone. It is offered after some packets; from then on the thread of native.py reads, rewrites and sends
its packets, and has the numbers of all ends. Whatever else is to be done with them (a tap, a mute, digits,
another source, key or address) recalls the flow first, and so does each of its packets that comes through
Python. A flow without a stream is a sender whose pushed payloads go out with those of others. No packet is
handled here.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from calling.media.aiortc_private.srtp import PacketBuffer, Srtp
from calling.media.loop.native import NOBODY, SENDERS, SILENCE, Address, NativeLoop, library
from calling.media.rtp.forwarding import Feed
from calling.media.rtp.lent import Lent, LentSender
from calling.media.rtp.receive_stream import RtpReceiveStream, Sink
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.sender import RtpSender
from calling.media.rtp.transport import Hop, RtpTransport
from calling.media.rtp.wide_numbers import WideNumbers

log = logging.getLogger(__name__)
SOUND, REDUNDANT, CARRIED = 1, 2, 4  # media_flow.kinds


class Owner(Hashable, Protocol):
    """Who gets what comes from an address."""

    owner: object  # the transport


P = TypeVar("P", bound=Owner)


class Flow:
    """A stream that is forwarded, or what is pushed to one sender; see forwarding.Forwarded."""

    def __init__(
        self,
        forwarder: Forwarder[Any],
        number: int,
        came: tuple[RtpReceiver, RtpReceiveStream] | None,
        senders: Sequence[RtpSender],
        feed: Feed | None = None,
    ) -> None:
        self.forwarder, self.number, self.feed = forwarder, number, feed
        receiver, stream = came if came is not None else (None, None)
        self._receiver, self._stream, self._senders = receiver, stream, senders
        # They, and thereby their sessions, live as long as the flow.
        self._targets = [cast(RtpTransport, sender.transport) for sender in senders]
        self._source = cast(RtpTransport, receiver.transport) if receiver is not None else None
        self._since = stream.packets if stream is not None else 0
        self._taps = receiver.later if receiver is not None else ()
        if stream is not None:
            stream.flow = self
        for tap in self._taps:
            tap.add_keeper(self)
        for sender in senders:
            sender.flow = self
        self._ends = {*self._targets, *((self._source,) if self._source is not None else ())}
        for end in self._ends:
            end.flows.add(self)

    def sync(self) -> None:
        loop = self.forwarder.native
        if loop.read(self.number):
            self._write(loop)

    def recall(self) -> None:
        loop, receiver, stream = self.forwarder.native, self._receiver, self._stream
        if stream is not None:
            stream.flow = None
        for tap in self._taps:
            tap.drop_keeper(self)
        for sender in self._senders:
            sender.flow = None
        for end in self._ends:
            end.flows.discard(self)
        if not loop.recall(self.number):
            return
        self._write(loop)
        if receiver is None or stream is None:
            return
        if stream.history is not None:
            kept = loop.kept_packets(stream.top, stream.packets - self._since)
            stream.history.keep([(sequence, packet) for sequence, packet, _ in kept])
        if self._taps:
            fresh = min(self._wants(), (stream.top - loop.flow.drained) & 0xFFFF)
            for _, packet, at in loop.kept_packets(stream.top, fresh):
                receiver.tap_kept(packet, at)

    def kept(self, sequence: int) -> bytes | None:
        return self.forwarder.native.kept(self.number, sequence)

    def level(self) -> int | None:
        levels, number = self.forwarder.native.levels, self.number
        found = levels[number]
        levels[number] = SILENCE
        return found if found < SILENCE else None

    def drain(self) -> None:
        receiver, wants = self._receiver, self._wants()
        while receiver is not None:
            found = self.forwarder.native.drain(self.number, wants)
            if found is None:
                return
            receiver.tap_kept(*found)

    def _wants(self) -> int:
        return max((tap.wants for tap in self._taps), default=0)

    def _write(self, loop: NativeLoop) -> None:
        if self._stream is not None and self._source is not None:
            self._stream.restore(loop.flow)
            self._source.refused += loop.flow.refused
        for sender, target, lent in zip(self._senders, self._targets, loop.senders, strict=False):
            sender.restore(lent)
            target.port.unsent += lent.unsent


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

    def offer(self, receiver: RtpReceiver, stream: RtpReceiveStream) -> None:
        """Take the packets of a stream over, if nothing else is done with them than to relay them to senders
        that the loop can stand for, and to note their levels."""
        source = receiver.transport
        if stream.flow is not None or not receiver.only_relays or not isinstance(source, RtpTransport):
            return
        senders = [sink for sink in receiver.sinks if isinstance(sink, RtpSender)]
        if len(senders) < len(receiver.sinks) or len(senders) > SENDERS:
            return
        come, hops = source.hop(), self._hops(senders)
        if come is None or source.rx is None or hops is None:
            return
        path = self.know(come)  # like `_hops` it may recall flows, which fills what is filled below
        flow = self.native.blank(len(senders))
        taken = set(receiver.formats)
        for sender, hop, lent in zip(senders, hops, self.native.senders, strict=False):
            pts = sender.lend(stream, lent)
            if pts is None:
                return
            taken.intersection_update(pts)
            self._aim(lent, sender, hop)
        if path == NOBODY or not stream.lend(flow):
            return
        _mark_kinds(flow, stream, taken)
        flow.rx = source.rx
        if source.wide is not None and source.wide.extension(stream.pt):
            flow.wide, flow.wide_id = source.wide.numbers.memory, source.wide.extension(stream.pt)
        number = self.native.install(path, len(senders))
        if number >= 0:
            Flow(self, number, (receiver, stream), senders)

    def offer_pushes(self, sender: Sink, pt: int, feed: Feed) -> None:
        """Take over what is pushed to a sender, so that many get the same in one call."""
        if not isinstance(sender, RtpSender):
            return
        hops = self._hops([sender])
        if hops is None:
            return
        self.native.blank(1)
        lent = self.native.senders[0]
        if sender.lend_pushes(pt, lent):
            self._aim(lent, sender, hops[0])
            number = self.native.install(NOBODY, 1)
            if number >= 0:
                Flow(self, number, None, [sender], feed)

    def numbers(self) -> WideNumbers:
        """Transport-wide numbers of a leg whose packets are ours and Python's."""
        return self.native.wide()

    def push(self, numbers: list[int], payload: bytes, step: int) -> None:
        self.native.push(numbers, payload, step)

    def _hops(self, senders: Sequence[RtpSender]) -> list[Hop] | None:
        """Where each of them sends to, None where the loop cannot send for one of them."""
        hops = []
        for sender in senders:
            target = sender.transport
            if sender.flow is not None or target is None or target.tx is None:
                return None
            hop = target.hop() if target.forwarder is self else None
            if hop is None or self.know(hop) == NOBODY:
                return None
            hops.append(hop)
        return hops

    def _aim(self, lent: LentSender, sender: RtpSender, hop: Hop) -> None:
        lent.tx, lent.fd = cast(RtpTransport, sender.transport).tx, hop.sock.fileno()
        self.native.write_address(lent.to, hop.address)


def _mark_kinds(flow: Lent, stream: RtpReceiveStream, taken: Iterable[int]) -> None:
    """Which payload types are forwarded; the others go through Python, and so does another sound or picture
    than before: it may have another clock."""
    receiver = stream.receiver
    for pt in taken:
        if pt == stream.pt and pt not in receiver.noticed:
            flow.kinds[pt] = SOUND | (CARRIED if pt in receiver.carried else 0)
    if all(flow.kinds[pt] for pt in receiver.carried):
        for pt in receiver.redundant:
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
