"""The sockets of one media section without ICE: plain RTP, SDES-SRTP or DTLS-SRTP.

Packets are taken from the negotiated address only and sent nowhere else
(docs/security.md#r15). With a `latch` the address is learned once, from valid packets of the host that the
signalling comes from (a far end behind a NAT); under SRTP from the first packet that authenticates.
What must not live here: what is offered and what an answer means.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from calling.media.aiortc_private.srtp import protect, protect_rtcp
from calling.media.rtp import udp_ports
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import PeerFailed
from calling.media.rtp.header import FIELDS_AT, payload_end, payload_offset
from calling.media.rtp.latch import Latch
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.receive_stream import monotonic
from calling.media.rtp.transport import RtpTransport, unpack_fields
from calling.media.webrtc.plain_keys import Handshake, Keying, PlainDtls, SdesKeys
from calling.sdp.crypto import Crypto
from calling.sdp.model import Section

FLOWING_SECONDS = 2.0  # sound from the agreed address that is younger leaves nothing to be learned
HELD = ("0.0.0.0", "::")  # a hold as RFC 2543 had it: nothing is to be sent
PLAIN = "plain"  # stands where a session would: this wire needs none


def _unchanged(session: object, data: object, length: object) -> int:
    return 0


class PlainTransport(RtpTransport):
    """RTP on an even port, RTCP on the same (mux) or the next."""

    def __init__(self, port: MediaPort, config: MediaConfig) -> None:
        super().__init__(port)
        self.next_path = None
        self.advertised = config.advertised
        self._certificate = config.certificate
        self.latch: Latch | None = None
        self.remote: tuple[Any, ...] | None = None
        self.remote_control: tuple[Any, ...] | None = None
        self.dropped = 0
        self.keys = SdesKeys(self.buffer.view)
        self.mux = True
        self._dtls: dict[socket.socket, PlainDtls] = {}  # one for RTP and one for RTCP (RFC 5764 section 3)
        self._dtls_from: dict[socket.socket, tuple[Any, ...]] = {}  # a far end behind a NAT
        self._closing: set[asyncio.Task[None]] = set()
        self._place: tuple[str, int] | None = None  # as the far end's description names it
        self._reports: int | None = None  # the port of its RTCP, where it names one (RFC 3605)
        self.secure = False
        self._loop = asyncio.get_running_loop()
        self.sock, self.control_sock = _pair(config)
        self._loop.add_reader(self.sock.fileno(), self._readable, self.sock)
        if self.control_sock is not None:
            self._loop.add_reader(self.control_sock.fileno(), self._readable, self.control_sock)

    def agree(self, section: Section, keying: Keying | None) -> None:
        """Take the far end's address and keys, of a section with which nothing is wrong.

        A later agreement may move the address.
        """
        host = section.host
        held = host in HELD
        tail = (0, 0) if ":" in host else ()
        self.mux = section.rtcp_mux
        # At another host than its media it is not looked for: nobody has judged that address.
        port, place = section.rtcp or (None, "")
        self._reports = port if place in ("", host) else None
        if not held and self._place != (host, section.port):
            self._place = host, section.port
            if self.latch is not None:  # another place: what was learned of the one before is over
                self.latch = Latch(self.latch.host)
        learned = self.latch.learned if self.latch is not None else None
        self.remote = None if held else learned or (host, section.port, *tail)
        self._place_control()
        if isinstance(keying, Crypto):
            self.keys.take(keying)
            self._drop_dtls()
            self.rx, self.tx, self.protect, self.secure = self.keys.rx, self.keys.tx, protect, True
        elif keying is not None:
            self._shake_hands(keying)
        elif not self.secure:
            self.rx = self.tx = PLAIN
            self.protect = _unchanged

    def fall_silent(self) -> None:
        """The section is over: nothing goes out or is taken any more."""
        self.remote = self.remote_control = None

    # --- DTLS-SRTP

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Of our certificate, as a description has it."""
        if not self._dtls:
            for sock in filter(None, (self.sock, self.control_sock)):
                self._dtls[sock] = self._association(sock)
        return self._dtls[self.sock].fingerprint

    @property
    def hands(self) -> Handshake | None:
        """The handshake that was agreed on, None for none."""
        association = self._dtls.get(self.sock)
        return association.hands if association is not None else None

    def _association(self, sock: socket.socket) -> PlainDtls:
        def send(data: bytes) -> None:
            to = self._dtls_from.get(sock) or (self.remote if sock is self.sock else self.remote_control)
            if to is not None and not self.closed:
                with contextlib.suppress(OSError):
                    sock.sendto(data, to)

        def done(association: PlainDtls) -> None:
            if self._dtls.get(sock) is not association or sock is not self.sock:
                return
            learned = self._dtls_from.get(sock)
            if learned is not None and self.latch is not None:
                self.remote = self.latch.learned = learned
                self._place_control()
            self.keys.forget()
            self.rx, self.tx = association.rx, association.tx
            self.port.connected()

        def failed(association: PlainDtls, why: PeerFailed) -> None:
            if self._dtls.get(sock) is association and not self.closed:
                self.port.failed(why)

        return PlainDtls(send, lambda: self.port.expects_media, done, failed, self._certificate)

    def _shake_hands(self, hands: Handshake) -> None:
        """Begin a new association, unless this one stands or is under way (RFC 8842 section 5)."""
        if self.hands == hands:
            return
        if self.hands is not None:
            self._drop_dtls()
        _ = self.fingerprint
        if self.rx is PLAIN:
            self.rx = self.tx = None
        self.protect, self.secure = protect, True
        for sock, association in self._dtls.items():
            if sock is self.sock or not self.mux:
                association.start(hands)

    def _drop_dtls(self) -> None:
        for association in self._dtls.values():
            task = self._loop.create_task(association.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._dtls, self._dtls_from = {}, {}

    def _not_media(self, sock: socket.socket, size: int, address: tuple[Any, ...]) -> None:
        """DTLS is for the association of its socket; the rest is dropped."""
        view, association = self.buffer.view, self._dtls.get(sock)
        agreed = self.remote if sock is self.sock else self.remote_control
        if association is None or association.hands is None or size < 13 or not 19 < view[0] < 64:
            self.dropped += 1
        elif address == agreed:
            association.feed(bytes(view[:size]))
        elif agreed is not None and self.latch is not None and self.latch.open_to(address):
            self._dtls_from[sock] = address
            association.feed(bytes(view[:size]))
        else:
            self.dropped += 1

    # --- addresses

    def _place_control(self) -> None:
        """RTCP goes where RTP goes, or to the port that was named for it, or to the one above."""
        remote = self.remote
        if remote is None:
            self.remote_control = None
            return
        named = self._reports if remote[:2] == self._place else None
        control = remote[1] if self.mux else named or remote[1] + 1
        self.remote_control = (remote[0], control, *remote[2:]) if control < 65536 else None

    def learn_from(self, host: str) -> None:
        """Learn the far end's address from packets out of `host`; what was learned from it stays."""
        latch = Latch(host)
        if self.latch is None or self.latch.host != latch.host:
            self.latch = latch

    def _readable(self, sock: socket.socket) -> None:
        buffer = self.buffer
        view = buffer.view
        try:
            size, address = sock.recvfrom_into(view)
        except OSError:
            return
        if size < 12 or not 127 < view[0] < 192 or self.rx is None:
            self._not_media(sock, size, address)
            return
        if 191 < view[1] < 224:
            expected = self.remote if self.mux else self.remote_control
            if address == expected and (sock is self.sock) is self.mux:
                self.control(size)
            else:
                self.dropped += 1
            return
        known = address == self.remote
        if sock is not self.sock or (not known and not self._may_learn(address, size)):
            self.dropped += 1
            return
        length = buffer.length
        length[0] = size
        if self.secure and self.keys.unprotect(self.rx, buffer.c, length):
            self.refused += 1
            return
        if not known and self.latch is not None:
            self.remote = self.latch.learned = address
            self._place_control()
        mark, sequence, timestamp, ssrc = unpack_fields(view, FIELDS_AT)
        stream = self.streams.get(ssrc)
        if stream is None:
            stream = self.new_stream(ssrc, mark & 0x7F, sequence, length[0])
            if stream is None:
                return
        stream.receive(buffer, length[0], mark, sequence, timestamp)

    def _may_learn(self, address: tuple[Any, ...], size: int) -> bool:
        """Whether this packet shows where the far end is: a negotiated format, and nothing better flows."""
        latch = self.latch
        if latch is None or self.remote is None or not latch.open_to(address):
            return False
        mark, _, _, ssrc = unpack_fields(self.buffer.view, FIELDS_AT)
        number, at = mark & 0x7F, payload_offset(self.buffer.view, size)
        formats = (line for line in self.lines if line.receives)
        if at is None or not any(line.codec(number) or number in line.events.values() for line in formats):
            return False
        if any(monotonic() - stream.last_at < FLOWING_SECONDS for stream in self.streams.values()):
            return False
        if self.secure:
            return True  # it must authenticate
        return payload_end(self.buffer.view, size) > at and latch.convinced(address, ssrc)

    def control(self, size: int) -> None:
        buffer = self.buffer
        if self.secure:
            session, _ = self._control_sessions()
            buffer.length[0] = size
            if session is None or self.keys.unprotect_rtcp(session, buffer.c, buffer.length):
                self.refused += 1
                return
            size = buffer.length[0]
        self.port.feedback(self, bytes(buffer.view[:size]))

    def _control_sessions(self) -> tuple[Any, Any]:
        """The raw sessions of RTCP: those of RTP, but for DTLS on a port of its own (RFC 5764 section 3)."""
        own = self._dtls.get(self.control_sock) if self.control_sock is not None else None
        if own is None or own.hands is None or self.mux:
            return self.rx, self.tx
        return own.rx, own.tx

    def send(self, data: memoryview | bytes) -> None:
        if self.remote is not None:
            try:
                self.sock.sendto(data, self.remote)
            except OSError:
                self.port.unsent += 1

    def send_control(self, data: bytes) -> None:
        size, words = len(data), data
        if self.secure:
            _, session = self._control_sessions()
            out = self.out
            if session is None or size > 1400:
                return
            out.view[:size], out.length[0] = data, size
            if protect_rtcp(session, out.c, out.length):
                return
            words = bytes(out.view[: out.length[0]])
        if self.remote_control is not None:
            sock = self.sock if self.mux or self.control_sock is None else self.control_sock
            with contextlib.suppress(OSError):
                sock.sendto(words, self.remote_control)

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.rx = self.tx = None
        self._drop_dtls()
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=3)
        for sock in (self.sock, self.control_sock):
            if sock is not None:
                self._loop.remove_reader(sock.fileno())
                sock.close()
        self.streams.clear()
        self.keys.forget()


def _pair(config: MediaConfig) -> tuple[socket.socket, socket.socket | None]:
    """An even port and, if it is free, the next one."""
    for _ in range(20):
        sock = udp_ports.bind(config, even=True)
        control = socket.socket(sock.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            control.bind((config.bind, sock.getsockname()[1] + 1))
            return sock, control
        except OSError:
            control.close()
            sock.close()
    return udp_ports.bind(config, even=True), None
