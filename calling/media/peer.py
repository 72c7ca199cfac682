"""One leg's media peer: SDP in, SDP out, packets through its Port. What the session holds.

    peer = Peer(config, on_signal)
    answer = await peer.answer(offer_sdp, media)             the device offered
    offer = await peer.offer(media); await peer.accept(sdp)  SignalWire clients and SIP over WebRTC
    peer.port.hears(other.port); peer.port.sees(tone); peer.port.mute({"audio"})
    await peer.close()

No call logic here: the peer tells what happened (calling.media.signals) and does as it is told.
`BadSdp` (a ValueError with a sentence for the client) is the one error of a bad description, `NoPort`
(an OSError) that of a port range that is used up.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Protocol

from calling.media import negotiation, sdp_gate, sdp_model
from calling.media.config import MediaConfig
from calling.media.negotiation import Line
from calling.media.rtp.port import Port
from calling.media.sdp_gate import MAX_CANDIDATES, BadSdp
from calling.media.sdp_model import Description, Section
from calling.media.signals import Signal
from calling.media.transport import Transport

__all__ = ["BadSdp", "Peer", "Wants"]
CLOSE_SECONDS = 5.0


class Wants(Protocol):
    """What may flow, from the device's point of view (calling.machine.states.Media fits)."""

    @property
    def audio(self) -> bool: ...
    @property
    def video(self) -> bool: ...
    @property
    def receive_audio(self) -> bool: ...
    @property
    def receive_video(self) -> bool: ...


class Peer:
    """One WebRTC peer. Signals go to `on_signal`, or to the bounded queue `signals` without one."""

    def __init__(self, config: MediaConfig, on_signal: Callable[[Signal], None] | None = None) -> None:
        self.config = config
        self.signals: asyncio.Queue[Signal] = asyncio.Queue(maxsize=256)
        self.port = Port(config, on_signal or self._enqueue)
        self._session_id = secrets.randbits(62)
        self._version = 0
        self._lines: list[Line] = []
        self._transports: dict[int, Transport] = {}  # section index -> its transport
        self._remote: Description | None = None
        self._offered: list[Section] = []
        self._trickled = 0
        self._closing = False

    def _enqueue(self, signal: Signal) -> None:
        if self.signals.full():
            self.signals.get_nowait()
        self.signals.put_nowait(signal)

    # --- the device offers

    async def answer(self, offer_sdp: str, wants: Wants | None = None) -> str:
        """Take a first offer and give the complete answer. wants: narrows the offer (None: as offered)."""
        remote = self._admit(offer_sdp)
        return self._answer(remote, wants)

    async def renegotiate(self, offer_sdp: str, wants: Wants | None = None) -> str:
        """Answer a later offer: new lines, other directions, an ICE restart, or a wholly new peer."""
        remote = self._admit(offer_sdp)
        known = {section.index: section for section in self._remote.sections} if self._remote else {}
        for section in remote.sections:
            before = known.get(section.index)
            if before is not None and before.kind != section.kind:
                raise BadSdp("A media section changed its kind.")
        if len(remote.sections) < len(known):
            raise BadSdp("The new offer has fewer media sections than the one before.")
        return self._answer(remote, wants)

    def _answer(self, remote: Description, wants: Wants | None) -> str:
        known = {line.index: line for line in self._lines}
        lines = [self._settle(known.get(section.index), section, wants) for section in remote.sections]
        if all(line.rejected for line in lines):
            raise BadSdp("The sdp offers no audio or video that the platform speaks.")
        before, self._remote, self._lines = self._remote, remote, lines
        bundle = [
            mid for mid in remote.bundle if any(line.mid == mid and not line.rejected for line in lines)
        ]
        starts = self._place(remote, lines, bundle, before)
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
        self._version += 1
        return self._write(Description(sections, bundle))

    def _settle(self, line: Line | None, section: Section, wants: Wants | None) -> Line:
        sends = receives = True
        if wants is not None and section.kind == "audio":
            sends, receives = wants.receive_audio, wants.audio
        elif wants is not None and section.kind == "video":
            sends, receives = wants.receive_video, wants.video
        return negotiation.settle(line, section, sends, receives, self.config.first(section.kind))

    def _place(
        self, remote: Description, lines: list[Line], bundle: list[str], before: Description | None
    ) -> list[Callable[[], None]]:
        """Give every line its transport; returns what starts the new or restarted ones."""
        starts: list[Callable[[], None]] = []
        old = {section.index: section for section in before.sections} if before else {}
        shared: Transport | None = None
        fresh: dict[int, Transport] = {}
        for line, section in zip(lines, remote.sections, strict=True):
            if line.rejected:
                continue
            bundled = line.mid is not None and line.mid in bundle
            if bundled and shared is not None:
                fresh[line.index] = shared
                continue
            transport = self._transports.get(line.index)
            past = old.get(line.index)
            if transport is not None and past is not None and past.fingerprints == section.fingerprints:
                if (past.ufrag, past.password) != (section.ufrag, section.password):
                    transport.restart()
                    starts.append(self._restarter(transport, section))
            else:
                transport = self._fresh(fresh)
                starts.append(self._starter(transport, section))
            fresh[line.index] = transport
            if bundled:
                shared = transport
        gone = [one for one in set(self._transports.values()) if one not in fresh.values()]
        self._transports = fresh
        for transport in gone:
            asyncio.get_running_loop().create_task(transport.close())
        return starts

    def _fresh(self, made: dict[int, Transport]) -> Transport:
        """A new transport; raises NoPort, after closing those `made` just before it."""
        try:
            return Transport(self.port, self.config, controlling=False)
        except OSError:
            for transport in set(made.values()) - set(self._transports.values()):
                asyncio.get_running_loop().create_task(transport.close())
            raise

    def _starter(self, transport: Transport, section: Section) -> Callable[[], None]:
        role = "server" if section.setup == "active" else "client"

        def start() -> None:
            transport.learn(section.candidates)
            transport.connect(section.ufrag, section.password, section.lite, section.fingerprints, role)

        return start

    def _restarter(self, transport: Transport, section: Section) -> Callable[[], None]:
        def start() -> None:
            transport.learn(section.candidates)
            transport.connect_again(section.ufrag, section.password, section.lite)

        return start

    async def add_candidate(
        self, candidate: str, sdp_mid: str | None = None, sdp_m_line_index: int | None = None
    ) -> None:
        """A trickled candidate (`candidate:…`). Unusable ones are ignored; malformed ones raise BadSdp."""
        value = sdp_gate.admit_candidate(candidate, loopback=self.config.loopback)
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
            await transport.agent.add_remote_line(value)

    async def end_of_candidates(self) -> None:
        """Noted only: peer-reflexive candidates may still come, the 15 s deadline decides."""

    # --- the platform offers

    async def offer(self, wants: Wants) -> str:
        """Make a complete offer. Sound and picture together go without BUNDLE (Chrome's answer, gotcha 5)."""
        kinds = ["audio"] if wants.audio or wants.receive_audio else []
        if wants.video or wants.receive_video:
            kinds.append("video")
        sections = []
        for index, kind in enumerate(kinds):
            sends = wants.receive_audio if kind == "audio" else wants.receive_video
            receives = wants.audio if kind == "audio" else wants.video
            line = Line(kind, index, str(index), sends, receives)
            own = negotiation.described(line, self.port.cname, "callwright")
            own.codecs = negotiation.offered_codecs(kind, self.config.first(kind))
            own.extensions = dict(negotiation.OFFERED_EXTENSIONS[kind])
            own.rtcp_rsize = True
            if kind == "video":
                own.ssrcs, own.rtx_pairs = [line.ssrc, line.rtx_ssrc], [(line.ssrc, line.rtx_ssrc)]
            transport = Transport(self.port, self.config, controlling=True)
            self._transports[index] = transport
            self._dress(own, transport, "actpass")
            self._lines.append(line)
            sections.append(own)
        if not sections:
            raise BadSdp("Neither audio nor video is wanted.")
        self._offered = sections
        self._version += 1
        return self._write(Description(sections, [self._lines[0].mid or "0"] if len(sections) == 1 else []))

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer to `offer`."""
        remote = self._admit(answer_sdp)
        if len(remote.sections) != len(self._offered) or any(
            own.kind != section.kind for own, section in zip(self._offered, remote.sections, strict=False)
        ):
            raise BadSdp("The answer's media sections do not match the offer's.")
        for section in remote.sections:
            if not section.rejected and section.setup not in ("active", "passive"):
                raise BadSdp("The answer's setup must be active or passive.")
        self._remote = remote
        lines = []
        for line, section in zip(self._lines, remote.sections, strict=True):
            first = self.config.first(line.kind)
            settled = negotiation.settle(line, section, line.sends, line.receives, first)
            settled.codecs = [self._ours(codec.key) or codec for codec in settled.codecs]
            lines.append(settled)
        if all(line.rejected for line in lines):
            raise BadSdp("The answer accepts no media.")
        for line in lines:
            if line.rejected and line.index in self._transports:
                await self._transports.pop(line.index).close()
        self._lines = lines
        self.port.set_lines(lines, dict(self._transports))
        for line, section in zip(lines, remote.sections, strict=True):
            if not line.rejected:
                self._starter(self._transports[line.index], section)()

    def _ours(self, key: tuple[str, ...]) -> sdp_model.Codec | None:
        """The offered codec of that key: both sides use the offer's numbers (RFC 3264 section 6.1)."""
        return next((codec for own in self._offered for codec in own.codecs if codec.key == key), None)

    # --- words

    def _admit(self, text: str) -> Description:
        if self._closing:
            raise BadSdp("The peer is closed.")
        return sdp_model.read(sdp_gate.admit(text, loopback=self.config.loopback))

    def _dress(self, own: Section, transport: Transport, setup: str) -> None:
        agent = transport.agent
        own.host, own.port = self.config.advertised, agent.candidate.port
        own.candidates = [agent.candidate_line]
        own.ufrag, own.password = agent.local_username, agent.local_password
        algorithm, _, digest = transport.dtls.local_fingerprint.partition(" ")
        own.fingerprints, own.setup = [(algorithm, digest)], setup

    def _write(self, description: Description) -> str:
        return sdp_model.write(description, self._session_id, self._version, self.config.advertised)

    def prefer(self, codec: str) -> None:
        """Put `opus` or `PCMU`, `VP8` or `H264` first in descriptions made from now on."""
        self.config = self.config.preferring(codec)

    @property
    def codec(self) -> str | None:
        """Name of the agreed audio codec that is listed first, in lower case."""
        first = self.port.audio_out.codec
        return first.name.lower() if first is not None else None

    def directions(self) -> dict[str, str]:
        """kind -> direction as agreed, from the device's point of view (`sendrecv`, …, `inactive`)."""
        return negotiation.directions(self._lines)

    # --- end

    async def close(self) -> None:
        """Stop everything within 5 s; may be called at any time and more than once, never raises."""
        if self._closing:
            return
        self._closing = True
        self.port.detach_all()
        transports = list({id(one): one for one in self._transports.values()}.values())
        self._transports = {}
        with contextlib.suppress(Exception):
            await asyncio.wait_for(asyncio.gather(*(one.close() for one in transports)), CLOSE_SECONDS)
