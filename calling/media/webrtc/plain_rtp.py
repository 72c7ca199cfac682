"""A peer without ICE: SIP legs over plain RTP, SDES-SRTP or DTLS-SRTP, and trunks between workers.

Packets are taken from the negotiated address only and sent nowhere else
(docs/security.md#r15). With a `latch` the address is learned once, from valid packets of the host that the
signalling comes from (a far end behind a NAT); under SRTP from the first packet that authenticates.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from calling.machine.states import Media
from calling.media.aiortc_private import protect, protect_rtcp
from calling.media.rtp import udp_ports
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import PeerFailed, Signal
from calling.media.rtp.header import FIELDS_AT, payload_end, payload_offset
from calling.media.rtp.latch import Latch
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.receiver import monotonic
from calling.media.rtp.transport import RtpTransport, unpack_fields
from calling.media.webrtc.media_peer import MediaPeer, answered_sections
from calling.media.webrtc.plain_keys import SETUPS, Handshake, Keying, PlainDtls, SdesKeys
from calling.sdp import crypto, model, negotiation, validate
from calling.sdp.crypto import Crypto
from calling.sdp.model import Description, Section
from calling.sdp.negotiation import Transceiver
from calling.sdp.validate import BadSdp

FLOWING_SECONDS = 2.0  # sound from the agreed address that is younger leaves nothing to be learned
# The one that every phone has first; its short tag only for those who have nothing else.
OFFERED_SUITES = (
    "AES_CM_128_HMAC_SHA1_80",
    "AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM",
    "AES_CM_128_HMAC_SHA1_32",
)
HELD = ("0.0.0.0", "::")  # a hold as RFC 2543 had it: nothing is to be sent
PLAIN = "plain"  # stands where a session would: this wire needs none


def _unchanged(session: object, data: object, length: object) -> int:
    return 0


class PlainTransport(RtpTransport):
    """The sockets of one media section: RTP on an even port, RTCP on the same (mux) or the next."""

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
        self.secure = False
        self._loop = asyncio.get_running_loop()
        self.sock, self.control_sock = _pair(config)
        self._loop.add_reader(self.sock.fileno(), self._readable, self.sock)
        if self.control_sock is not None:
            self._loop.add_reader(self.control_sock.fileno(), self._readable, self.control_sock)

    def agree(self, section: Section, keying: Keying | None) -> None:
        """Take the far end's address and keys, of a section that `_fault` found nothing wrong with.

        A later agreement may move the address.
        """
        host = section.host
        held = host in HELD
        tail = (0, 0) if ":" in host else ()
        self.mux = section.rtcp_mux
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
        """RTCP goes where RTP goes, or to the port above."""
        remote = self.remote
        control = remote[1] + (not self.mux) if remote is not None else 0
        fits = remote is not None and control < 65536
        self.remote_control = (remote[0], control, *remote[2:]) if remote is not None and fits else None

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


class PlainRtpPeer(MediaPeer):
    """One SIP or trunk leg. An answer follows what was offered.

    secure: offer SDES alone. keys: offer plain RTP with the keys for SDES and for DTLS beside it; the
    SIP edge leaves of it what a party may have (calling.sip.edge.media_encryption).
    """

    def __init__(
        self,
        config: MediaConfig,
        on_signal: Callable[[Signal], None] | None = None,
        *,
        secure: bool = False,
        keys: bool = False,
        trunk: bool = False,
    ) -> None:
        # G.711 first to the telephone world, so that a device which is told the same needs no transcoding
        # Between our own workers the addresses are ours, on whatever network.
        own = replace(config, private=True) if trunk else replace(config, prefer="PCMU")
        super().__init__(own, on_signal)
        self.port.silence_ends = 0.0 if trunk else config.sip_silence_seconds
        self.secure, self.keys, self.trunk = secure, keys, trunk
        self._learns_from: str | None = None
        self._wires: dict[int, PlainTransport] = {}
        self._sections: list[Section] = []  # of our last description
        self._open: list[Transceiver] = []  # as offered, until the answer comes

    async def offer(self, wants: Media) -> str:
        """The offer of an INVITE, or of a 2xx to one without: G.711 first unless another is preferred.

        A later one keeps the sections, ports, keys and payload types of the call (RFC 3264 section 8).
        """
        past = self._sections
        known = {line.index: line for line in self._lines}
        kinds = [section.kind for section in past]
        if not past:
            wanted = {
                "audio": wants.audio or wants.receive_audio,
                "video": wants.video or wants.receive_video,
            }
            kinds = [kind for kind, yes in wanted.items() if yes]
        if not kinds:
            raise BadSdp("Neither audio nor video is wanted.")
        lines: list[Transceiver] = []
        sections: list[Section] = []
        for index, kind in enumerate(kinds):
            before = known.get(index)
            sends = wants.receive_video if kind == "video" else wants.receive_audio
            receives = wants.video if kind == "video" else wants.audio
            line = replace(
                before or Transceiver(kind, index, None, False, False), sends=sends, receives=receives
            )
            profile = past[index].profile if past else "RTP/SAVP" if self.secure else "RTP/AVP"
            own = self._dressed(line, profile)
            if line.rejected:
                own.formats = past[index].formats
            else:
                own.codecs = negotiation.offered_codecs(kind, self.config.first(kind), before)
                own.extensions = dict(negotiation.OFFERED_EXTENSIONS[kind]) if self.trunk else {}
                self._offer_keys(own, self._wires[index], before is None)
            lines.append(line)
            sections.append(own)
        self._open, self._sections = lines, sections
        return self._write(Description(sections))

    async def accept(self, answer_sdp: str) -> None:
        """The answer to `offer`: of a 200, an ACK, a PRACK, or of early media in a 183."""
        remote = self._read(answer_sdp)
        lines: list[Transceiver] = []
        keyings: list[Keying | None] = []
        sections = answered_sections(self._open, remote)
        for offered, own, section in zip(self._open, self._sections, sections, strict=True):
            order = self._order(section)
            line = negotiation.settle(offered, section, offered.sends, offered.receives, order)
            keying = self._keying(section, own)
            if self.secure and keying is None:
                line.rejected = True  # it does not accept the offered encryption
            line.rejected = line.rejected or offered.rejected or self._fault(section, keying) is not None
            lines.append(line)
            keyings.append(keying)
        if all(line.rejected for line in lines):
            raise BadSdp("The answer accepts no media.")
        for line, own, section, keying in zip(lines, self._sections, sections, keyings, strict=True):
            if not line.rejected:
                own.profile = section.profile
                self._wires[line.index].agree(section, keying)
        self._agreed(lines)

    async def answer(self, offer_sdp: str, wants: Media | None = None) -> str:
        """Answer a first offer, or a later one (re-INVITE); one that is of no use leaves all as it was."""
        remote = self._read(offer_sdp)
        known = {line.index: line for line in self._lines}
        lines: list[Transceiver] = []
        keyings: list[Keying | None] = []
        faults = ["The sdp offers nothing that the platform speaks."]
        for section in remote.sections:
            sends = receives = True
            if wants is not None:
                video = section.kind == "video"
                sends = wants.receive_video if video else wants.receive_audio
                receives = wants.video if video else wants.audio
            line = negotiation.settle(
                known.get(section.index), section, sends, receives, self._order(section)
            )
            keying = self._keying(section)
            fault = self._fault(section, keying)
            if any(other.kind == line.kind and not other.rejected for other in lines):
                fault = "A second section of that kind is of no use."  # a choice of SAVP and AVP, as a rule
            if fault is not None and not line.rejected:
                line.rejected = True
                faults.append(fault)
            lines.append(line)
            keyings.append(keying)
        if all(line.rejected for line in lines):
            raise BadSdp(faults[-1])
        sections = [  # NoPort, before anything is agreed
            self._dressed(line, section.profile, section.host)
            for line, section in zip(lines, remote.sections, strict=True)
        ]
        for own, line, section, keying in zip(sections, lines, remote.sections, keyings, strict=True):
            if line.rejected:
                own.formats = section.formats
            else:
                wire = self._wires[line.index]
                wire.agree(section, keying)
                own.rtcp_mux = section.rtcp_mux
                if isinstance(keying, Crypto):
                    own.crypto = [crypto.write(keying.tag, keying.suite, wire.keys.key(keying.suite))]
                elif keying is not None:
                    own.fingerprints, own.setup = [wire.fingerprint], SETUPS[keying.role]
                if not self.trunk:
                    line.extensions = own.extensions = {}
        self._sections = sections
        self._agreed(lines)
        return self._write(Description(sections))

    async def add_candidate(
        self, candidate: str, sdp_mid: str | None = None, sdp_m_line_index: int | None = None
    ) -> None:
        """A plain peer has no candidates; ignored."""

    def _read(self, text: str) -> Description:
        if self._closing:
            raise BadSdp("The peer is closed.")
        return model.admitted(text, loopback=self.config.loopback, plain=True)

    def _order(self, section: Section) -> str | None:
        """Over SIP sound comes in the far end's order; pictures, and what workers agree on, in the call's."""
        return None if section.kind == "audio" and not self.trunk else self.config.first(section.kind)

    def _keying(self, section: Section, own: Section | None = None) -> Keying | None:
        """How the far end's section is to be encrypted. own: ours, where the section is an answer to it.

        DTLS where the profile says so, else an SDES key, else DTLS where the section is ready for it.
        """
        suites = [line.split(" ")[1] for line in own.crypto] if own is not None else crypto.SUITES
        sdes, dtls = crypto.choose(section.crypto, suites), section.profile.upper().startswith("UDP/TLS/")
        hands = None
        if section.fingerprints and (section.setup or dtls) and (own is None or own.fingerprints):
            wire = self._wires.get(section.index)
            role = "client" if section.setup == "passive" else "server"
            hands = Handshake(tuple(section.fingerprints), role)
            if wire is not None and wire.hands is not None and wire.hands.fingerprints == hands.fingerprints:
                hands = wire.hands  # an association that stands keeps its roles (RFC 8842 section 5.3)
        return hands if dtls else sdes or hands

    def _offer_keys(self, own: Section, wire: PlainTransport, first: bool) -> None:
        """What encrypts the section goes on, and nothing else can be chosen once something does."""
        if wire.hands is not None:
            own.fingerprints, own.setup = [wire.fingerprint], "actpass"
        elif wire.secure or self.secure or (self.keys and first):
            suites = [wire.keys.suite] if wire.keys.suite else OFFERED_SUITES
            tagged = enumerate(suites, 1)
            own.crypto = [crypto.write(tag, suite, wire.keys.key(suite)) for tag, suite in tagged]
            if not wire.secure and self.keys:
                own.fingerprints, own.setup = [wire.fingerprint], "actpass"

    def _fault(self, section: Section, keying: Keying | None) -> str | None:
        """Why packets cannot go where a section says, None if they can."""
        wire = self._wires.get(section.index)
        if keying is None and "SAVP" in section.profile.upper():
            return "The sdp has no key that can be used."
        if keying is None and wire is not None and wire.secure:
            return "An encrypted call cannot go on unencrypted."
        host = section.host
        if host in HELD:
            return None
        if not (validate.reachable(host, self.config.loopback) and self.config.reaches(host)):
            return "The sdp's connection address cannot be used."
        newer = ":" in self._place(host).bind if wire is None else wire.sock.family == socket.AF_INET6
        if (":" in host) is not newer:
            return "The sdp's connection address is of another IP version (RFC 6157)."
        return None

    def _dressed(self, line: Transceiver, profile: str, far: str | None = None) -> Section:
        """Our section; far: where the other end is, if that is known, so that a new wire stands facing it."""
        own = negotiation.described(line, self.port.cname, "callwright")
        own.profile, own.msid = profile, None
        own.cname = self.port.cname if self.trunk else None
        if line.rejected:
            return own
        wire = self._wires.get(line.index)
        if wire is None:
            wire = self._wires[line.index] = PlainTransport(self.port, self._place(far))
            if self._learns_from is not None:
                wire.learn_from(self._learns_from)
        own.host, own.port = wire.advertised, wire.sock.getsockname()[1]
        own.ptime = 20 if line.kind == "audio" else None
        return own

    def _place(self, far: str | None) -> MediaConfig:
        known = far is not None and validate.reachable(far, True)
        return self.config.facing(far) if far is not None and known and not self.trunk else self.config

    def _agreed(self, lines: list[Transceiver]) -> None:
        self._lines = lines
        used = {line.index: self._wires[line.index] for line in lines if not line.rejected}
        for wire in self._wires.values():
            if wire not in used.values():  # its section is over: nothing goes out or is taken any more
                wire.remote = wire.remote_control = None
        self.port.set_lines(lines, dict(used))
        waited = self.port.awaits_sound
        # An address in a description says nothing: a SIP leg that sends is connected once it is heard.
        speaks = any(line.kind == "audio" and line.receives and not line.rejected for line in lines)
        self.port.awaits_sound = speaks and not self.trunk and not self.port.heard("audio")
        if self.port.transports and (not self.port.up or (waited and not self.port.awaits_sound)):
            self.port.connected()

    def learn_from(self, host: str) -> None:
        """The far end is behind a NAT: learn its media address from packets out of `host`, an IP address."""
        self._learns_from = host
        for wire in self._wires.values():
            wire.learn_from(host)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self.port.detach_all()
        for wire in self._wires.values():
            with contextlib.suppress(Exception):
                await wire.close()
        self._wires = {}
