"""One peer of a session with what hangs on it: its plan, what it is given to hear, its figures, its failure.

The session decides, this does: it turns a PeerPlan into calls of `WebRtcPeer`, and the peer's signals into
what the door is told. Nothing here reads or writes a row.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import clock
from calling.machine.plan import PeerMode, PeerPlan
from calling.machine.states import Media
from calling.media.mixing.overlay import OverlayMix
from calling.media.mixing.voice_mix import VoiceMix
from calling.media.rtp import events
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.source import Source
from calling.media.session.plan_diff import mixed
from calling.media.sources import tones
from calling.media.sources.test_pattern import TestPicture
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp.validate import BadSdp, is_webrtc

SAMPLES = 120  # kept per leg; older ones thin out
AGAIN_SECONDS = {"closed_by_peer": 15.0, "consent_lost": 3.0}  # for a fresh offer of a device that came back


class PeerContext(Protocol):
    """What a carried peer needs of its session."""

    config: MediaConfig

    def source_of(self, name: str) -> Source | None: ...
    def picture_codec(self, peer_id: str, call_id: str) -> str | None: ...
    def on_event(self, peer_id: str, event: events.Signal) -> None: ...
    def failed(self, peer_id: str, reason: str) -> None: ...
    def announced(self, peer_id: str) -> None: ...


def maker(plan: PeerPlan) -> Callable[..., WebRtcPeer | PlainRtpPeer]:
    """SIP speaks RTP without ICE unless its description can be used as WebRTC; the edge picks the keys.

    It takes packets from the agreed address alone (docs/security.md#r15), unless its owner says that it is
    behind a NAT.
    """
    webrtc = plan.kind != "sip" or plan.webrtc or is_webrtc(plan.remote_sdp)
    return WebRtcPeer if webrtc else partial(PlainRtpPeer, keys=True)


def placed(plan: PeerPlan, config: MediaConfig) -> MediaConfig:
    """An offer to SIP may meet a gateway that answers from one port for several calls, as we may ourselves;
    two such ports tell one call from another by nothing, so ours is the leg's own. Who is at an IPv6 address
    is offered one, if there is any."""
    if plan.kind != "sip" or plan.mode is not PeerMode.OFFER:
        return config
    return replace(config.of_ipv6() if plan.newer else config, mux=False)


@dataclass(frozen=True)
class Settled:
    """The descriptions that hold: what the far end said, what we said, who offered, what may flow."""

    remote: str | None
    local: str | None
    offered: bool
    media: Media


class SessionPeer:
    """A peer that a plan asks for."""

    def __init__(self, plan: PeerPlan, session: PeerContext) -> None:
        self.plan = plan
        self.session = session
        self.peer = maker(plan)(placed(plan, session.config), self._signal)
        self.settled: Settled | None = None
        self._offer: str | None = None
        self.seen_candidates: set[int] = set()
        self.samples: list[dict[str, Any]] = []
        self.bad = False
        self._measured = 0
        self.room_sound: Source | None = None  # what the room it is in gives it
        self.overlay: Source | None = None  # what operations and scripts play to it instead
        self._played: dict[int, tuple[object, Source]] = {}  # whose it is -> what it plays
        self._blend: OverlayMix | None = None
        self._voices: VoiceMix | None = None  # where it hears several parties at once
        self._kept: dict[str, tuple[str, Source | None]] = {}  # what it hears and sees, by kind
        self._again: asyncio.TimerHandle | None = None
        if plan.prefer_pcmu and isinstance(self.peer, WebRtcPeer):
            self.peer.prefer("PCMU")

    @property
    def port(self) -> MediaPort:
        return self.peer.port

    @property
    def up(self) -> bool:
        """Whether sound can be sent to it."""
        return self.port.up

    def learn_from(self, host: str) -> None:
        """Its SIP signalling comes from that address and so may its sound: see PlainRtpPeer."""
        if isinstance(self.peer, PlainRtpPeer):
            self.peer.learn_from(host)

    def signal_digits(self, send: Callable[[str], None] | None) -> None:
        """How digits get to it beside its media, for one that takes no telephone-event."""
        self.port.signalled_digits = send
        # A browser plays no telephone-event and tells its page of none.
        self.port.hears_no_events = send is not None and isinstance(self.peer, WebRtcPeer)

    @property
    def room(self) -> str | None:
        """The room that the plan puts it into."""
        hears = self.plan.hears or ""
        return hears.removeprefix("room:") if hears.startswith("room:") else None

    # --- descriptions; each raises BadSdp

    async def describe(self, plan: PeerPlan) -> str | None:
        """Answer the plan's offer, make one, or take the device's answer; the text to report, if any."""
        made = self.plan is plan
        first = plan.serial <= 1 or made
        self.plan = plan
        codec = self.session.picture_codec(plan.peer_id, plan.call_id)
        if codec is not None:
            self.peer.prefer(codec)
        self.peer.layered = plan.in_room
        if plan.mode is PeerMode.OFFER:
            if made and plan.serial > 1:
                self.peer.associate_anew()
            self._offer = await self.peer.offer(plan.media)
            return self._offer
        if plan.mode is PeerMode.ACCEPT:
            holds = Settled(plan.remote_sdp, self._offer, True, plan.media)
            if self.settled != holds:  # what holds again after a refusal needs nothing
                await self.peer.accept(plan.remote_sdp or "")
                self.settled = holds
            return None
        if first or not self.peer.port.lines:
            text = await self.peer.answer(plan.remote_sdp or "", plan.media)
        else:
            self._calm()
            text = await self.peer.renegotiate(plan.remote_sdp or "", plan.media)
        self.settled = Settled(plan.remote_sdp, text, False, plan.media)
        return text

    async def candidate(self, row_id: int, words: dict[str, Any], done: bool) -> None:
        """One trickled candidate, once; a malformed one is passed over."""
        if row_id in self.seen_candidates:
            return
        self.seen_candidates.add(row_id)
        if done or not words.get("candidate"):
            return  # peer-reflexive candidates may still come; the 15 s deadline decides
        with contextlib.suppress(BadSdp):
            await self.peer.add_candidate(
                words["candidate"], words.get("sdp_mid"), words.get("sdp_m_line_index")
            )

    # --- routing

    def route(self, plan: PeerPlan, *, expects_media: bool) -> None:
        """Let it hear and see what the plan says, and mute of it what the plan says."""
        self.plan = plan
        self.port.expects_media = expects_media
        self.port.mute(plan.muted)
        voices = self._voices
        self._voices = self._hear_voices(mixed(plan.hears))
        self.apply_sources()
        if voices is not None and voices is not self._voices:
            voices.close()

    def _hear_voices(self, peer_ids: list[str]) -> VoiceMix | None:
        """The mix of these peers; the one that it hears already goes on."""
        if not peer_ids:
            return None
        voices = self._voices or VoiceMix()
        found = [self.session.source_of(f"peer:{peer_id}") for peer_id in peer_ids]
        voices.take(port for port in found if isinstance(port, MediaPort))
        return voices

    def apply_sources(self) -> None:
        room = self.room is not None
        if self.overlay is not None:
            self.port.set_audio_source(self.overlay)
        else:
            self.port.set_audio_source(self.room_sound if room else self._source("audio", self.plan.hears))
        if room:
            return  # the mixer chooses the picture
        seen = self._source("video", self.plan.sees)
        if self.overlay is not None and self.overlay.source("video") is not None:
            seen = self.overlay  # a file with a picture
        self.port.set_video_source(seen)
        beside = [self._make(name) for name in self.plan.beside]
        for number in range(1, len(self.port.senders()) - 1):
            self.port.set_video_source(beside[number - 1] if number <= len(beside) else None, number)

    def hear_room(self, source: Source | None) -> None:
        """Let it hear its room, behind what is played to it alone."""
        self.room_sound = source
        if self.overlay is None:
            self.port.set_audio_source(source)

    def _source(self, kind: str, name: str | None) -> Source | None:
        """The source of that name. What the platform plays is made once and kept, so that it goes on."""
        if name is None:
            return None
        if name == "echo":
            return self.port
        if kind == "audio" and self._voices is not None:
            return self._voices
        kept_name, kept = self._kept.get(kind, (None, None))
        if ":" not in name and kept_name == name:
            return kept
        source = TestPicture() if kind == "video" and name == "tone" else self._make(name)
        self._kept[kind] = (name, source)
        return source

    def _make(self, name: str) -> Source | None:
        match name:
            case "music":
                return tones.music()
            case "ringback":
                return tones.ringback()
            case "tone":
                return tones.tone()
            case "announcement":
                return tones.announcement(lambda: self.session.announced(self.plan.peer_id))
            case _:
                return self.session.source_of(name)

    def play(self, source: Source | None, by: object) -> None:
        """Let it hear `source` of `by` instead of what the plan says; None ends that. What several play at
        once is heard together."""
        self._played.pop(id(by), None)
        if source is not None:
            self._played[id(by)] = (by, source)
        sources = [one for _, one in self._played.values()]
        blend, self._blend = self._blend, None
        if len(sources) > 1:
            self._blend = blend or OverlayMix()
            self._blend.take(sources)
            blend = None
        self.overlay = self._blend or next(iter(sources), None)
        self.apply_sources()
        if blend is not None:
            blend.close()

    # --- signals of the peer

    def _signal(self, signal: events.Signal) -> None:
        match signal:
            case events.PeerFailed(reason=reason):
                self._fail(reason)
                return
            case events.Connected():
                self._calm()
                self.apply_sources()
            case events.Quality(record=record):
                self._sample(record)
        self.session.on_event(self.plan.peer_id, signal)

    def _fail(self, reason: str) -> None:
        """A device that went away may be back with a fresh offer in a moment; the rest is final."""
        wait = AGAIN_SECONDS.get(reason)
        if wait is None:
            self.session.failed(self.plan.peer_id, reason)
        elif self._again is None:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(wait, lambda: self.session.failed(self.plan.peer_id, reason))

    def _calm(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _sample(self, record: dict[str, Any]) -> None:
        self._measured += 1
        if self.samples:  # the totals so far are the newest one's
            self.samples[-1] = {name: each for name, each in self.samples[-1].items() if name != "so_far"}
        self.samples.append({"at": round(clock.time(), 1), **record})
        if len(self.samples) > SAMPLES:
            old, new = self.samples[: SAMPLES // 2], self.samples[SAMPLES // 2 :]
            self.samples = old[::2] + new

    def worth_writing(self) -> bool:
        """Whether the samples should be written now: the first, then every third. Each time all are."""
        return self._measured == 1 or self._measured % 3 == 0

    def last_figures(self) -> bool:
        """Measure once more before the end; whether there is anything to write."""
        self.port.last_figures()
        return bool(self.samples)

    # --- from one session to another, and the end

    def silence(self) -> None:
        """Its session lets it go: nothing of it is played or shown any more."""
        self.overlay = self.room_sound = None
        self._played.clear()
        if self._blend is not None:
            self._blend.close()
            self._blend = None
        if self._voices is not None:
            self._voices.close()
            self._voices = None
        self.port.set_audio_source(None)
        self.port.set_video_source(None)

    def move_to(self, session: PeerContext, plan: PeerPlan) -> None:
        """Another session carries it from now on."""
        self.session, self.plan = session, plan

    async def close(self) -> None:
        self._calm()
        self.silence()
        await self.peer.close()
