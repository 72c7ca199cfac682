"""One peer of a session with what hangs on it: its plan, what it is given to hear, its figures, its failure.

The session decides, this does: it turns a PeerPlan into calls of `Peer`, and the peer's signals into what
the door is told. Nothing here reads or writes a row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from calling.machine.plan import PeerMode, PeerPlan
from calling.media import signals
from calling.media.codecs import tones
from calling.media.codecs.blend import Blend
from calling.media.codecs.picture import TestPicture
from calling.media.config import MediaConfig
from calling.media.peer import BadSdp, Peer
from calling.media.plain import PlainPeer

SAMPLES = 120  # kept per leg; older ones thin out
EAGER = 12  # samples that are written one by one
AGAIN_SECONDS = {"closed_by_peer": 15.0, "consent_lost": 3.0}  # for a fresh offer of a device that came back


class Surroundings(Protocol):
    """What a carried peer needs of its session."""

    config: MediaConfig

    def source_of(self, name: str) -> Any: ...
    def connected(self, peer_id: str) -> None: ...
    def failed(self, peer_id: str, reason: str) -> None: ...
    def media_lost(self, peer_id: str, reason: str, kind: str) -> None: ...
    def cannot_see(self, peer_id: str) -> None: ...
    def picture_codec(self, peer_id: str, call_id: str) -> str | None: ...
    def digit(self, peer_id: str, digit: str, duration_ms: int) -> None: ...
    def quality(self, peer_id: str, record: dict[str, Any], bad: bool) -> None: ...
    def announced(self, peer_id: str) -> None: ...


def maker(plan: PeerPlan) -> Callable[..., Any]:
    """SIP speaks plain RTP unless its description brings a fingerprint (RFC 8122).

    It takes packets from the agreed place alone and learns no other (R15).
    """
    webrtc = plan.kind != "sip" or "a=fingerprint:" in (plan.remote_sdp or "")
    return Peer if webrtc else PlainPeer


class CarriedPeer:
    """A peer that a plan asks for."""

    def __init__(self, plan: PeerPlan, session: Surroundings, make: Callable[..., Any] | None = None) -> None:
        self.plan = plan
        self.session = session
        self.peer = (make or maker(plan))(session.config, self._signal)
        self.up = False
        self.seen_candidates: set[int] = set()
        self.samples: list[dict[str, Any]] = []
        self.bad = False
        self._measured = 0
        self.room_sound: Any = None  # what the room it is in gives it
        self.overlay: Any = None  # what operations and scripts play to it, instead of the plan's source
        self._played: dict[int, tuple[object, Any]] = {}  # whose it is -> what it plays
        self._blend: Blend | None = None
        self._heard: tuple[str | None, Any] = (None, None)
        self._seen: tuple[str | None, Any] = (None, None)
        self._again: asyncio.TimerHandle | None = None
        self._since = time.monotonic()
        if plan.prefer_pcmu and isinstance(self.peer, Peer):
            self.peer.prefer("PCMU")

    @property
    def port(self) -> Any:
        return self.peer.port

    @property
    def room(self) -> str | None:
        """The room that the plan puts it into."""
        hears = self.plan.hears or ""
        return hears.removeprefix("room:") if hears.startswith("room:") else None

    # --- descriptions; each raises BadSdp

    async def describe(self, plan: PeerPlan) -> str | None:
        """Answer the plan's offer, make one, or take the device's answer; the text to report, if any."""
        first = plan.serial <= 1 or self.plan is plan
        self.plan = plan
        codec = self.session.picture_codec(plan.peer_id, plan.call_id)
        if codec is not None:
            self.peer.prefer(codec)
        if plan.mode is PeerMode.OFFER:
            return str(await self.peer.offer(plan.media))
        if plan.mode is PeerMode.ACCEPT:
            await self.peer.accept(plan.remote_sdp or "")
            return None
        if first or not self.peer.port.lines:
            return str(await self.peer.answer(plan.remote_sdp or "", plan.media))
        self._calm()
        return str(await self.peer.renegotiate(plan.remote_sdp or "", plan.media))

    async def candidate(self, row_id: int, words: dict[str, Any], done: bool) -> None:
        """One trickled candidate, once; a malformed one is passed over."""
        if row_id in self.seen_candidates:
            return
        self.seen_candidates.add(row_id)
        try:
            if done or not words.get("candidate"):
                await self.peer.end_of_candidates()
            else:
                await self.peer.add_candidate(
                    words["candidate"], words.get("sdp_mid"), words.get("sdp_m_line_index")
                )
        except BadSdp:
            pass

    # --- routing

    def route(self, plan: PeerPlan, *, expects_media: bool) -> None:
        """Let it hear and see what the plan says, and mute of it what the plan says."""
        self.plan = plan
        self.port.expects_media = expects_media
        self.port.mute(plan.muted)
        self.apply_sources()

    def apply_sources(self) -> None:
        room = self.room is not None
        if self.overlay is not None:
            self.port.hears(self.overlay)
        else:
            self.port.hears(self.room_sound if room else self._source("_heard", self.plan.hears))
        if room:
            return  # the mixer chooses the picture
        seen = self._source("_seen", self.plan.sees)
        if self.overlay is not None and self.overlay.source("video") is not None:
            seen = self.overlay  # a file with a picture
        self.port.sees(seen)

    def _source(self, place: str, name: str | None) -> Any:
        """The source of that name. What the platform plays is made once and kept, so that it goes on."""
        if name is None:
            return None
        if name == "echo":
            return self.port
        kept_name, kept = getattr(self, place)
        if ":" not in name and kept_name == name:
            return kept
        source = TestPicture() if place == "_seen" and name == "tone" else self._make(name)
        setattr(self, place, (name, source))
        return source

    def _make(self, name: str) -> Any:
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

    def play(self, source: Any, by: object) -> None:
        """Let it hear `source` of `by` instead of what the plan says; None ends that. What several play at
        once is heard together."""
        self._played.pop(id(by), None)
        if source is not None:
            self._played[id(by)] = (by, source)
        sources = [one for _, one in self._played.values()]
        blend, self._blend = self._blend, None
        if len(sources) > 1:
            self._blend = blend or Blend()
            self._blend.take(sources)
            blend = None
        self.overlay = self._blend or next(iter(sources), None)
        self.apply_sources()
        if blend is not None:
            blend.close()

    # --- signals of the peer

    def _signal(self, signal: signals.Signal) -> None:
        me = self.plan.peer_id
        match signal:
            case signals.Connected():
                self._calm()
                self.up = True
                self.apply_sources()
                self.session.connected(me)
            case signals.Failed(reason=reason):
                self.up = False
                self._fail(reason)
            case signals.MediaLost(reason=reason, kind=kind):
                self.session.media_lost(me, reason, kind)
            case signals.CannotSee():
                self.session.cannot_see(me)
            case signals.DigitReceived(digit=digit, duration_ms=duration):
                self.session.digit(me, digit, duration)
            case signals.Flood():
                self.session.failed(me, "media_flood")
            case signals.Quality(record=record, bad=bad):
                self._sample(record)
                self.session.quality(me, record, bad)
            case _:
                pass

    def _fail(self, reason: str) -> None:
        """A device that went away may be back with a fresh offer in a moment; the rest is final."""
        wait = AGAIN_SECONDS.get(reason)
        if wait is None:
            self.session.failed(self.plan.peer_id, reason)
        elif self._again is None:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(wait, self.session.failed, self.plan.peer_id, reason)

    def _calm(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _sample(self, record: dict[str, Any]) -> None:
        self._measured += 1
        self.samples.append({"at": round(time.time(), 1), **record})
        if len(self.samples) > SAMPLES:
            old, new = self.samples[: SAMPLES // 2], self.samples[SAMPLES // 2 :]
            self.samples = old[::2] + new

    def worth_writing(self) -> bool:
        """Whether the samples should be written now: each in the first minute, then every third."""
        return self._measured <= EAGER or self._measured % 3 == 1

    def last_figures(self) -> bool:
        """Measure once more before the end; whether there is anything to write."""
        self.port.last_figures()
        return bool(self.samples)

    async def close(self) -> None:
        self._calm()
        self.overlay = None
        self._played.clear()
        if self._blend is not None:
            self._blend.close()
        await self.peer.close()
