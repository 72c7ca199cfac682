"""A WebRTC peer: ICE, DTLS and SRTP on one socket per bundle, or per line without one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import Signal
from calling.media.webrtc import shared_port
from calling.media.webrtc.media_peer import MediaPeer, answered_sections
from calling.media.webrtc.webrtc_transport import WebRtcTransport
from calling.sdp import model, negotiation, validate
from calling.sdp.model import Description, Section
from calling.sdp.negotiation import Transceiver
from calling.sdp.validate import MAX_CANDIDATES, BadSdp

CLOSE_SECONDS = 5.0


class WebRtcPeer(MediaPeer):
    """One WebRTC peer; see MediaPeer."""

    def __init__(self, config: MediaConfig, on_signal: Callable[[Signal], None] | None = None) -> None:
        super().__init__(config, on_signal)
        self._transports: dict[int, WebRtcTransport] = {}  # section index -> its transport
        self._spoken_to: dict[WebRtcTransport, Section] = {}  # what each transport was told of the far end
        self._tagged: str | None = None  # the mid of the section that bears the transport of the bundle
        self._remote: Description | None = None
        self._offered: list[Section] = []
        self._trickled = 0
        self._admitted_size = 0  # characters of the last description, for each of its sections

    # --- the device offers

    async def answer(self, offer_sdp: str, wants: Media | None = None) -> str:
        remote = self._admit(offer_sdp)
        remote.set_up("active")
        return self._answer(remote, wants)

    def _answer(self, remote: Description, wants: Media | None) -> str:
        known = {line.index: line for line in self._lines}
        lines = [self._settle(known.get(section.index), section, wants) for section in remote.sections]
        if all(line.rejected for line in lines):
            raise BadSdp("The sdp offers no audio or video that the platform speaks.")
        bundle = [
            mid for mid in remote.bundle if any(line.mid == mid and not line.rejected for line in lines)
        ]
        starts = self._place(remote, lines, bundle)
        self._remote, self._lines, self._trickled = remote, lines, 0
        sections = []
        for line, section in zip(lines, remote.sections, strict=True):
            own = negotiation.described(line, self.port.cname, "callwright")
            own.profile = section.profile
            own.rtcp_rsize = section.rtcp_rsize
            if line.rejected:
                own.formats = section.formats
            else:
                transport = self._transports[line.index]
                # An association that stands keeps its roles, whoever offered it (RFC 8842 section 5.3).
                server = transport.role == "server" if transport.role else section.setup == "active"
                self._dress(own, transport, "passive" if server else "active")
            sections.append(own)
        self.port.set_lines(lines, dict(self._transports))
        for start in starts:
            start()
        return self._write(Description(sections, bundle))

    def _settle(self, line: Transceiver | None, section: Section, wants: Media | None) -> Transceiver:
        sends = receives = True
        if wants is not None and section.kind == "audio":
            sends, receives = wants.receive_audio, wants.audio
        elif wants is not None and section.kind == "video":
            sends, receives = wants.receive_video, wants.video
        first = self.wish(section)
        layered = self.layered or (line is not None and bool(line.layers))
        settled = negotiation.settle(line, section, sends, receives, first, layered, wide=True)
        return self._with_red(settled, section)

    def _with_red(self, settled: Transceiver, section: Section) -> Transceiver:
        if self.config.redundancy and not settled.rejected:
            settled.red = negotiation.redundancy(section, settled.codecs)
        return settled

    def _place(
        self, remote: Description, lines: list[Transceiver], bundle: list[str]
    ) -> list[Callable[[], None]]:
        """Give every line its transport; returns what starts the new or restarted ones.

        A bundle's transport is that of the first of its sections in the group's order, which alone may
        have candidates and credentials (RFC 9143 section 7.2).
        """
        starts: list[Callable[[], None]] = []
        used = {
            line.index: section
            for line, section in zip(lines, remote.sections, strict=True)
            if not line.rejected
        }
        shared = sorted(
            (index for index, section in used.items() if section.mid in bundle),
            key=lambda index: bundle.index(used[index].mid or ""),
        )
        groups = [shared] if shared else []
        groups += [[index] for index in used if index not in shared]
        tagged = used[shared[0]].mid if shared else None
        retagged = self._tagged is not None and tagged is not None and tagged != self._tagged
        self._tagged = tagged
        fresh: dict[int, WebRtcTransport] = {}
        named: set[tuple[str, int]] = set()
        for group in groups:
            section = used[group[0]]
            standing = (self._transports.get(index) for index in group)
            taken = fresh.values()
            transport = next((one for one in standing if one is not None and one not in taken), None)
            past = self._spoken_to.get(transport) if transport is not None else None
            if transport is not None and past is not None and past.fingerprints == section.fingerprints:
                if retagged and group is shared:
                    transport.may_begin_anew()
                if (past.ufrag, past.password) != (section.ufrag, section.password):
                    transport.restart()
                    starts.append(self._restarter(transport, section))
            else:
                addresses = shared_port.named_in(section.candidates)
                transport = self._fresh(fresh, bool(addresses & named) or self._spoken_for(addresses))
                named |= addresses
                starts.append(self._starter(transport, section))
            fresh |= dict.fromkeys(group, transport)
        self._spoken_to = {fresh[group[0]]: used[group[0]] for group in groups}
        gone = [one for one in set(self._transports.values()) if one not in fresh.values()]
        self._transports = fresh
        for transport in gone:
            asyncio.get_running_loop().create_task(transport.close())
        return starts

    def _fresh(self, made: dict[int, WebRtcTransport], alone: bool) -> WebRtcTransport:
        """A new transport; raises NoPort, after closing those `made` just before it."""
        try:
            return WebRtcTransport(self.port, self.config, controlling=False, alone=alone)
        except OSError:
            for transport in set(made.values()) - set(self._transports.values()):
                asyncio.get_running_loop().create_task(transport.close())
            raise

    def _spoken_for(self, addresses: set[tuple[str, int]]) -> bool:
        """Whether the far end could not be told from another leg's on the port that legs share."""
        return self.config.mux and shared_port.of_this_loop(self.config).spoken_for(addresses)

    def _starter(self, transport: WebRtcTransport, section: Section) -> Callable[[], None]:
        role = "server" if section.setup == "active" else "client"

        def start() -> None:
            transport.learn(section.candidates, self._admitted_size)
            transport.connect(section.ufrag, section.password, section.lite, section.fingerprints, role)

        return start

    def _restarter(self, transport: WebRtcTransport, section: Section) -> Callable[[], None]:
        def start() -> None:
            transport.learn(section.candidates, self._admitted_size)
            transport.connect_again(section.ufrag, section.password, section.lite)

        return start

    async def add_candidate(
        self, candidate: str, sdp_mid: str | None = None, sdp_m_line_index: int | None = None
    ) -> None:
        """A trickled candidate (`candidate:…`). Unusable ones are ignored; malformed ones raise BadSdp."""
        value = validate.admit_candidate(
            candidate, loopback=self.config.loopback, reaches=self.config.reaches
        )
        if value is None or self._closing or self._remote is None:
            return
        self._trickled += 1
        if self._trickled > MAX_CANDIDATES * max(1, len(self._remote.sections)):
            raise BadSdp("Too many candidates.")
        index = next(
            (s.index for s in self._remote.sections if sdp_mid is not None and s.mid == sdp_mid), None
        )
        if index is None:
            index = sdp_m_line_index if isinstance(sdp_m_line_index, int) else None
        chosen = self._transports.get(index) if index is not None else None
        targets = (
            [chosen] if chosen is not None else list({id(t): t for t in self._transports.values()}.values())
        )
        for transport in targets:
            transport.agent.heard(len(candidate) // len(targets))
            await transport.agent.add_remote_line(value)

    # --- the platform offers

    async def offer(self, wants: Media) -> str:
        """Make a complete offer. Sound and picture together go without BUNDLE (Chrome's answer)."""
        if self._lines:
            raise BadSdp("This peer has its descriptions already.")
        kinds = ["audio"] if wants.audio or wants.receive_audio else []
        if wants.video or wants.receive_video:
            kinds.append("video")
        sections = []
        for index, kind in enumerate(kinds):
            sends = wants.receive_audio if kind == "audio" else wants.receive_video
            receives = wants.audio if kind == "audio" else wants.video
            line = Transceiver(kind, index, str(index), sends, receives)
            own = negotiation.described(line, self.port.cname, "callwright")
            own.codecs = negotiation.offered_codecs(kind, self.config.first(kind))
            if kind == "audio" and self.config.redundancy:
                own.codecs = negotiation.with_redundancy(own.codecs)
            own.extensions = dict(negotiation.OFFERED_EXTENSIONS[kind])
            own.rtcp_rsize = True
            if kind == "video":
                own.ssrcs, own.rtx_pairs = [line.ssrc, line.rtx_ssrc], [(line.ssrc, line.rtx_ssrc)]
            transport = WebRtcTransport(self.port, self.config, controlling=True)
            self._transports[index] = transport
            self._dress(own, transport, "actpass")
            self._lines.append(line)
            sections.append(own)
        if not sections:
            raise BadSdp("Neither audio nor video is wanted.")
        self._offered = sections
        return self._write(Description(sections, [self._lines[0].mid or "0"] if len(sections) == 1 else []))

    async def accept(self, answer_sdp: str) -> None:
        remote = self._admit(answer_sdp)
        remote.set_up("passive")
        remote.sections = answered_sections(self._lines, remote)
        lines = []
        for line, section in zip(self._lines, remote.sections, strict=True):
            first = self.wish(section)
            settled = self._with_red(
                negotiation.settle(line, section, line.sends, line.receives, first, wide=True), section
            )
            settled.rejected = settled.rejected or section.setup not in ("active", "passive")
            settled.codecs = [self._ours(codec.key) or codec for codec in settled.codecs]
            if settled.red:
                settled.red = {
                    codec.pt: negotiation.RED for codec in settled.codecs if codec.name.lower() == "opus"
                }
            lines.append(settled)
        if all(line.rejected for line in lines):
            raise BadSdp("The answer accepts no media.")
        self._remote = remote
        for line in lines:
            if line.rejected and line.index in self._transports:
                await self._transports.pop(line.index).close()
        self._lines = lines
        self.port.set_lines(lines, dict(self._transports))
        for line, section in zip(lines, remote.sections, strict=True):
            if not line.rejected:
                transport = self._transports[line.index]
                self._spoken_to[transport] = section
                self._starter(transport, section)()

    def _ours(self, key: tuple[str, ...]) -> model.Codec | None:
        """The offered codec of that key: both sides use the offer's numbers (RFC 3264 section 6.1)."""
        return next((codec for own in self._offered for codec in own.codecs if codec.key == key), None)

    # --- words

    def _admit(self, text: str) -> Description:
        if self._closing:
            raise BadSdp("The peer is closed.")
        remote = model.admitted(text, loopback=self.config.loopback, reaches=self.config.reaches)
        self._admitted_size = len(text) // len(remote.sections)
        return remote

    def _dress(self, own: Section, transport: WebRtcTransport, setup: str) -> None:
        agent = transport.agent
        own.host, own.port = self.config.advertised, agent.candidate.port
        own.candidates = agent.candidate_lines
        own.ufrag, own.password = agent.local_username, agent.local_password
        algorithm, _, digest = transport.dtls.local_fingerprint.partition(" ")
        own.fingerprints, own.setup = [(algorithm, digest)], setup

    # --- end

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self.port.detach_all()
        transports = list({id(one): one for one in self._transports.values()}.values())
        self._transports = {}
        with contextlib.suppress(Exception):
            await asyncio.wait_for(asyncio.gather(*(one.close() for one in transports)), CLOSE_SECONDS)
