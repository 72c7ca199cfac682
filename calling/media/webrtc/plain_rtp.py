"""A peer without ICE, for SIP legs and for trunks between workers: its offers and its answers.

What must not live here: packets, addresses and keys in use (`plain_transport`).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import replace

from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import Signal
from calling.media.webrtc.media_peer import MediaPeer, answered_sections
from calling.media.webrtc.plain_keys import SETUPS, Handshake, Keying
from calling.media.webrtc.plain_transport import HELD, PlainTransport
from calling.sdp import crypto, model, negotiation, validate
from calling.sdp.crypto import Crypto
from calling.sdp.model import Description, Section
from calling.sdp.negotiation import Transceiver
from calling.sdp.validate import BadSdp

# The one that every phone has first; its short tag only for those who have nothing else.
OFFERED_SUITES = (
    "AES_CM_128_HMAC_SHA1_80",
    "AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM",
    "AES_CM_128_HMAC_SHA1_32",
)


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
            setup = section.setup or ("active" if own is None else "passive")  # RFC 4145 section 4
            role = "client" if setup == "passive" else "server"
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
            if wire not in used.values():
                wire.fall_silent()
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
