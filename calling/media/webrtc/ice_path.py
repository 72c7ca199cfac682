"""One ICE agent of a leg with the sockets it uses: where its datagrams are sorted by kind.

A datagram under 13 bytes is dropped; what is not STUN is taken from the selected pair's address only, and
from those that the device has nominated besides (docs/security.md#r1). Authentic RTP goes straight to its
RtpReceiveStream; nothing is queued and no task runs per packet. The sockets are the path's own, which it
reads itself, or those of the port that all legs of the worker share, which reads them for it.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from calling.media.aiortc_private.ice import IceAgent, Wire
from calling.media.rtp import udp_ports
from calling.media.rtp.header import FIELDS_AT
from calling.media.rtp.receive_stream import monotonic
from calling.media.rtp.transport import unpack_fields
from calling.media.webrtc import shared_port
from calling.sdp import validate

if TYPE_CHECKING:
    from calling.media.aiortc_private.dtls import DtlsPipe
    from calling.media.rtp.config import MediaConfig
    from calling.media.rtp.transport import RtpTransport

EARLY = 8  # DTLS datagrams kept until a pair is selected


class IcePath:
    """`sock`: the socket of the selected pair, `remote`: its far end."""

    def __init__(
        self, transport: RtpTransport, pipe: DtlsPipe, config: MediaConfig, controlling: bool, alone: bool
    ) -> None:
        """alone: on sockets of its own, whatever the config says. Raises an OSError where there is none."""
        self.transport, self.pipe = transport, pipe
        self.owner: object = transport
        self.remote: tuple[Any, ...] | None = None
        self.dropped = 0
        self.closed = False
        self._early: list[tuple[bytes, tuple[Any, ...]]] = []
        self._loop = asyncio.get_running_loop()
        self.seat: shared_port.SharedSeat | None = None
        if config.mux and not alone:
            shared = shared_port.of_this_loop(config)
            # A device that offers is told where it may connect; to one that is to answer, TCP is no way in.
            self.seat = shared.seat(self, tcp=not controlling)
            transport.buffer = shared.buffer
            if shared.forwarder is not None:
                transport.forwarded_by(shared.forwarder, shared.forwarder.srtp)
        self._own = udp_ports.bind_all(config) if self.seat is None else []
        places = self._own if self.seat is None else self.seat.places
        self.sock: Wire = places[0][0]
        self.agent = IceAgent(
            places,
            controlling,
            self._selected,
            lambda host: validate.reachable(host, config.loopback),
            self.seat,
        )
        if self.seat is None:
            for sock, _ in self._own:
                self._loop.add_reader(sock.fileno(), self._readable, sock)

    def wire(self, number: int) -> Wire | None:
        """The socket of ours at a place of the shared port, None where this path came before it."""
        return self.seat.wires.get(number) if self.seat is not None else None

    @property
    def socks(self) -> list[socket.socket]:
        """The sockets that are this path's own."""
        return [sock for sock, _ in self._own]

    @property
    def proven_at(self) -> float:
        """When the far end last answered a check."""
        return self.agent.consent_at

    def _selected(self, address: tuple[str, int], sock: Wire) -> None:
        same = self.remote is not None and self.remote[:2] == address
        if not same or sock is not self.sock:
            self.transport.take_back()
        self.sock = sock
        if self.seat is not None:
            self.seat.chosen(address, sock)
        if not same:  # the kernel reports IPv6 senders as four-tuples
            self.remote = address if ":" not in address[0] else (*address, 0, 0)
        if self.seat is not None:
            self.seat.settled(sock, self.remote)
        if same:
            return
        early, self._early = self._early, []
        for data, sender in early:
            if sender[:2] == address or self.agent.may_send_from(sender):
                self.pipe.feed(data)
        self.transport.moved()

    def _readable(self, sock: socket.socket) -> None:
        """One datagram on a socket of our own."""
        view = self.transport.buffer.view
        try:
            size, address = sock.recvfrom_into(view)
        except OSError:
            return  # nothing there, or an ICMP error of an earlier send; the socket stays usable
        if size > 12 and view[0] < 4:
            self.agent.feed(bytes(view[:size]), address, sock)
        else:
            self.datagram(size, address)

    def datagram(self, size: int, address: tuple[Any, ...]) -> None:
        """One datagram that is not STUN, in the transport's buffer."""
        if size < 13:
            self.dropped += 1
            return
        transport = self.transport
        buffer = transport.buffer
        view = buffer.view
        first = view[0]
        if 127 < first < 192:
            if address != self.remote and not self.agent.may_send_from(address):
                self.dropped += 1
                return
            rx = transport.rx
            if rx is None:
                return
            if 191 < view[1] < 224:
                transport.control(size)
                return
            length = buffer.length
            length[0] = size
            if transport.srtp.unprotect(rx, buffer.c, length):
                transport.refused += 1
                return
            mark, sequence, timestamp, ssrc = unpack_fields(view, FIELDS_AT)
            if transport.wide is not None:
                transport.wide.came(mark & 0x7F, view, length[0], monotonic())
            stream = transport.streams.get(ssrc)
            if stream is None:
                stream = transport.new_stream(ssrc, mark & 0x7F, sequence, length[0])
                if stream is None:
                    return
            stream.receive(buffer, length[0], mark, sequence, timestamp)
        elif 19 < first < 64:
            if address == self.remote or (self.remote and self.agent.may_send_from(address)):
                self.pipe.feed(bytes(view[:size]))
            elif self.remote is None and len(self._early) < EARLY:
                self._early.append((bytes(view[:size]), address))
            else:
                self.dropped += 1

    def deafen(self) -> None:
        """Take nothing more of the shared port, though more may be sent: the far end's address is free."""
        self.transport.take_back()
        if self.seat is not None:
            self.seat.quit()

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.deafen()
        for sock, _ in self._own:
            self._loop.remove_reader(sock.fileno())
        try:
            await asyncio.wait_for(self.agent.close(), 2)
        except Exception:  # half-made agents may raise anything; the socket must go all the same
            pass
        finally:
            if self.seat is not None:
                self.seat.leave()
            for sock, _ in self._own:
                sock.close()
