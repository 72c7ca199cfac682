"""A peer without ICE or DTLS: SIP legs over plain RTP or SDES-SRTP, and trunks between workers.

Same face as Peer. R15: packets are taken from the negotiated address only and sent nowhere else. With
`learn`, a sender on the same IP may be learned once, within 2 s of the agreement (a far end behind a
NAT that moved its port); under SRTP only by a packet that authenticates.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from calling.media import negotiation, ports, sdp_gate, sdp_model
from calling.media.aiortc_private import raw_session, sdes_session, unprotect
from calling.media.config import MediaConfig
from calling.media.negotiation import Line
from calling.media.peer import Wants
from calling.media.rtp.header import FIELDS_AT
from calling.media.rtp.inlet import monotonic
from calling.media.rtp.port import Port
from calling.media.rtp.wire import Wire, unpack_fields
from calling.media.sdp_gate import BadSdp
from calling.media.sdp_model import Description, Section
from calling.media.signals import Signal

SUITE = "AES_CM_128_HMAC_SHA1_80"
LEARN_SECONDS = 2.0
_INLINE = re.compile(rf"\d{{1,9}} {SUITE} inline:([A-Za-z0-9+/=]{{40,44}})(?:[|].*)?")
PLAIN = "plain"  # stands where a session would: this wire needs none


def _unchanged(session: Any, data: Any, length: Any) -> int:
    return 0


class PlainWire(Wire):
    """The sockets of one media section: RTP on an even port, RTCP on the same (mux) or the next."""

    def __init__(self, port: Port, config: MediaConfig, learn: bool) -> None:
        super().__init__(port)
        self.next_path = None
        self.learn = learn
        self.remote: tuple[Any, ...] | None = None
        self.remote_control: tuple[Any, ...] | None = None
        self.dropped = 0
        self.key = secrets.token_bytes(30)
        self.mux = True
        self._sessions: list[Any] = []
        self._learn_until = 0.0
        self.secure = False
        self._loop = asyncio.get_running_loop()
        self.sock, self.control_sock = _pair(config)
        self._loop.add_reader(self.sock.fileno(), self._readable, self.sock)
        if self.control_sock is not None:
            self._loop.add_reader(self.control_sock.fileno(), self._readable, self.control_sock)

    def agree(self, section: Section, loopback: bool, remote_key: bytes | None) -> None:
        """Take the far end's address and key; a later agreement may move the address, never drop the key."""
        if self.secure and remote_key is None:
            raise BadSdp("An encrypted call cannot go on unencrypted.")
        host = section.host
        held = host in ("0.0.0.0", "::")
        if not held and not sdp_gate.reachable(host, loopback):
            raise BadSdp("The sdp's connection address cannot be used.")
        tail = (0, 0) if ":" in host else ()
        before = self.remote
        self.remote = None if held else (host, section.port, *tail)
        self.mux = section.rtcp_mux
        control = section.port if self.mux else section.port + 1
        self.remote_control = None if held or control > 65535 else (host, control, *tail)
        if remote_key is not None and not self.secure:
            inbound, outbound = sdes_session(remote_key, True), sdes_session(self.key, False)
            self._sessions = [inbound, outbound]
            self.rx, self.tx, self.secure = raw_session(inbound), raw_session(outbound), True
        elif not self.secure:
            self.rx = self.tx = PLAIN
            self.protect = _unchanged
        if self.learn and before is None:
            self._learn_until = monotonic() + LEARN_SECONDS

    def _readable(self, sock: socket.socket) -> None:
        buffer = self.buffer
        view = buffer.view
        try:
            size, address = sock.recvfrom_into(view)
        except OSError:
            return
        if size < 12 or not 127 < view[0] < 192 or self.rx is None:
            self.dropped += 1
            return
        if 191 < view[1] < 224:
            expected = self.remote if self.mux else self.remote_control
            if address == expected and (sock is self.sock) is self.mux:
                self.control(size)
            else:
                self.dropped += 1
            return
        known = address == self.remote
        if sock is not self.sock or not known and not self._may_learn(address):
            self.dropped += 1
            return
        length = buffer.length
        length[0] = size
        if self.secure and unprotect(self.rx, buffer.c, length):
            self.refused += 1
            return
        if not known:
            self.remote, self._learn_until = address, 0.0
        mark, sequence, timestamp, ssrc = unpack_fields(view, FIELDS_AT)
        stream = self.streams.get(ssrc)
        if stream is None:
            stream = self.new_stream(ssrc, mark & 0x7F, sequence, length[0])
            if stream is None:
                return
        stream.receive(buffer, length[0], mark, sequence, timestamp)

    def _may_learn(self, address: tuple[Any, ...]) -> bool:
        return self.remote is not None and address[0] == self.remote[0] and monotonic() < self._learn_until

    def control(self, size: int) -> None:
        if self.secure:
            super().control(size)
        else:
            self.port.feedback(self, bytes(self.buffer.view[:size]))

    def send(self, data: memoryview | bytes) -> None:
        if self.remote is not None:
            try:
                self.sock.sendto(data, self.remote)
            except OSError:
                self.port.unsent += 1

    def send_control(self, data: bytes) -> None:
        if self.secure and self.mux:
            super().send_control(data)
        elif not self.secure and self.remote_control is not None:
            sock = self.sock if self.mux or self.control_sock is None else self.control_sock
            with contextlib.suppress(OSError):
                sock.sendto(data, self.remote_control)

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.rx = self.tx = None
        for sock in (self.sock, self.control_sock):
            if sock is not None:
                self._loop.remove_reader(sock.fileno())
                sock.close()
        self.streams.clear()
        self._sessions.clear()


def _pair(config: MediaConfig) -> tuple[socket.socket, socket.socket | None]:
    """An even port and, if it is free, the next one."""
    for _ in range(20):
        sock = ports.bind(config, even=True)
        control = socket.socket(sock.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            control.bind((config.bind, sock.getsockname()[1] + 1))
            return sock, control
        except OSError:
            control.close()
            sock.close()
    return ports.bind(config, even=True), None


class PlainPeer:
    """One SIP or trunk leg. secure: offer SDES; an answer follows what was offered."""

    def __init__(
        self,
        config: MediaConfig,
        on_signal: Callable[[Signal], None] | None = None,
        *,
        secure: bool = False,
        learn: bool = False,
        trunk: bool = False,
    ) -> None:
        # G.711 first to the telephone world, so that a device which is told the same needs no transcoding
        self.config = config if trunk else replace(config, prefer="PCMU")
        self.signals: asyncio.Queue[Signal] = asyncio.Queue(maxsize=256)
        self.port = Port(config, on_signal or self._enqueue)
        self.secure, self.learn, self.trunk = secure, learn, trunk
        self._session_id, self._version = secrets.randbits(62), 0
        self._lines: list[Line] = []
        self._wires: dict[int, PlainWire] = {}
        self._offered: list[Section] = []
        self._closing = False

    def _enqueue(self, signal: Signal) -> None:
        if self.signals.full():
            self.signals.get_nowait()
        self.signals.put_nowait(signal)

    async def offer(self, wants: Wants) -> str:
        """The offer of an INVITE: G.711 first unless the config prefers another codec."""
        kinds = ["audio"] if wants.audio or wants.receive_audio else []
        if wants.video or wants.receive_video:
            kinds.append("video")
        if not kinds:
            raise BadSdp("Neither audio nor video is wanted.")
        self._offered, self._lines = [], []
        for index, kind in enumerate(kinds):
            sends = wants.receive_audio if kind == "audio" else wants.receive_video
            receives = wants.audio if kind == "audio" else wants.video
            line = Line(kind, index, None, sends, receives)
            own = self._dressed(line, "RTP/SAVP" if self.secure else "RTP/AVP")
            own.codecs = negotiation.offered_codecs(kind, self.config.first(kind))
            own.extensions = dict(negotiation.OFFERED_EXTENSIONS[kind]) if self.trunk else {}
            if self.secure:
                own.crypto = [_crypto(1, self._wires[index].key)]
            self._lines.append(line)
            self._offered.append(own)
        return self._write(self._offered)

    async def accept(self, answer_sdp: str) -> None:
        """The answer of a 200 (or of early media in a 183)."""
        remote = self._read(answer_sdp)
        if len(remote.sections) != len(self._offered):
            raise BadSdp("The answer's media sections do not match the offer's.")
        for line, section in zip(self._lines, remote.sections, strict=True):
            if section.kind != line.kind:
                raise BadSdp("The answer's media sections do not match the offer's.")
            negotiation.settle(line, section, line.sends, line.receives, self.config.first(line.kind))
            if not line.rejected:
                key = _key(section)
                if self.secure and key is None:
                    raise BadSdp("The answer does not accept the offered encryption.")
                self._wires[line.index].agree(section, self.config.loopback, key)
        self._agreed()

    async def answer(self, offer_sdp: str, wants: Wants | None = None) -> str:
        """Answer a first offer, or a later one (re-INVITE)."""
        remote = self._read(offer_sdp)
        known = {line.index: line for line in self._lines}
        lines, sections = [], []
        for section in remote.sections:
            sends = receives = True
            if wants is not None:
                video = section.kind == "video"
                sends = wants.receive_video if video else wants.receive_audio
                receives = wants.video if video else wants.audio
            first = self.config.first(section.kind)
            line = negotiation.settle(known.get(section.index), section, sends, receives, first)
            key = _key(section)
            if section.profile.startswith("RTP/SAVP") and key is None:
                line.rejected = True
            own = self._dressed(line, section.profile)
            if line.rejected:
                own.formats = section.formats
            else:
                wire = self._wires[line.index]
                wire.agree(section, self.config.loopback, key)
                own.rtcp_mux = section.rtcp_mux
                if key is not None:
                    own.crypto = [_crypto(int(_chosen(section).split(" ", 1)[0]), wire.key)]
                if not self.trunk:
                    line.extensions = own.extensions = {}
            lines.append(line)
            sections.append(own)
        if all(line.rejected for line in lines):
            raise BadSdp("The sdp offers nothing that the platform speaks.")
        self._lines, self._offered = lines, sections
        self._agreed()
        return self._write(sections)

    async def renegotiate(self, offer_sdp: str, wants: Wants | None = None) -> str:
        return await self.answer(offer_sdp, wants)

    async def add_candidate(
        self, candidate: str, sdp_mid: str | None = None, sdp_m_line_index: int | None = None
    ) -> None:
        """A plain peer has no candidates; ignored."""

    async def end_of_candidates(self) -> None:
        """Ignored."""

    def _read(self, text: str) -> Description:
        if self._closing:
            raise BadSdp("The peer is closed.")
        return sdp_model.read(sdp_gate.admit(text, loopback=self.config.loopback, plain=True))

    def _dressed(self, line: Line, profile: str) -> Section:
        own = negotiation.described(line, self.port.cname, "callwright")
        own.profile, own.msid = profile, None
        own.cname = self.port.cname if self.trunk else None
        if line.rejected:
            return own
        wire = self._wires.get(line.index)
        if wire is None:
            wire = self._wires[line.index] = PlainWire(self.port, self.config, self.learn)
        own.host, own.port = self.config.advertised, wire.sock.getsockname()[1]
        own.ptime = 20 if line.kind == "audio" else None
        return own

    def _agreed(self) -> None:
        self.port.set_lines(self._lines, dict(self._wires))
        if not self.port.up and self.port.transports:
            self.port.connected(self.port.transports[0])

    def _write(self, sections: list[Section]) -> str:
        self._version += 1
        return sdp_model.write(Description(sections), self._session_id, self._version, self.config.advertised)

    @property
    def codec(self) -> str | None:
        """Name of the agreed audio codec that is listed first, in lower case."""
        first = self.port.audio_out.codec
        return first.name.lower() if first is not None else None

    def prefer(self, codec: str) -> None:
        """Put `opus` or `PCMU`, `VP8` or `H264` first in descriptions made from now on."""
        self.config = self.config.preferring(codec)

    def directions(self) -> dict[str, str]:
        """kind -> direction as agreed, from the far end's point of view."""
        return negotiation.directions(self._lines)

    async def close(self) -> None:
        """Close every socket; never raises."""
        if self._closing:
            return
        self._closing = True
        self.port.detach_all()
        for wire in self._wires.values():
            with contextlib.suppress(Exception):
                await wire.close()
        self._wires = {}


def _crypto(tag: int, key: bytes) -> str:
    return f"{tag} {SUITE} inline:{base64.b64encode(key).decode()}"


def _chosen(section: Section) -> str:
    return next((line for line in section.crypto if _INLINE.fullmatch(line)), "")


def _key(section: Section) -> bytes | None:
    """The SDES key of the first suite the platform speaks."""
    found = _INLINE.fullmatch(_chosen(section))
    if found is None:
        return None
    try:
        key = base64.b64decode(found[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSdp("The sdp's SDES key is malformed.") from error
    if len(key) != 30:
        raise BadSdp("The sdp's SDES key has the wrong length.")
    return key
