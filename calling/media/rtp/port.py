"""One leg's media in the packet path: its inlets and outlets, who hears whom, RTCP and deadlines.

The session routes with `hears`, `sees`, `mute` and `send_digits`; none of it renegotiates. A source is
another Port, anything with `source(kind)` and `attach/detach(outlet)` (tones, files, mixers), or None.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from calling.media.config import MediaConfig
from calling.media.negotiation import Line
from calling.media.rtp import reports
from calling.media.rtp.inlet import Inlet, monotonic
from calling.media.rtp.outlet import Outlet
from calling.media.rtp.ticker import ticker
from calling.media.rtp.wheel import wheel
from calling.media.signals import (
    Connected,
    DigitReceived,
    Failed,
    FirstPacket,
    Flood,
    MediaBack,
    MediaLost,
    Quality,
    Signal,
)

CONSENT_EVERY = 4.0
FIRST_STATS = 1.5  # seconds until the first figures
# packets per second at 20 times a codec's ordinary rate (R21): 50 for sound, about 150 for a picture
FLOOD = {"audio": 20 * 50, "video": 20 * 150}


class Source(Protocol):
    """Anything that can be heard or seen."""

    def source(self, kind: str) -> Any:
        """The Inlet or producer of that kind, or None."""


class Port:
    """One leg. `listener(signal)` is called in the loop for everything that happens."""

    def __init__(self, config: MediaConfig, listener: Callable[[Signal], None]) -> None:
        self.config = config
        self.listener = listener
        self.cname = secrets.token_hex(8)
        self.audio_in = Inlet("audio", self._digit)
        self.video_in = Inlet("video")
        self.audio_out = Outlet("audio")
        self.video_out = Outlet("video")
        self.more_video: list[tuple[Inlet, Outlet]] = []  # further video lines, in the order of the SDP
        self.lines: list[Line] = []
        self.transports: list[Any] = []
        self.unsent = 0
        self.fir_number = 0
        self.expects_media = True  # the session clears it while the device may fall silent (it holds)
        self.up = False
        self.closed = False
        self.quality = reports.QualityMeter()
        self._connected_at = 0.0
        self._heard: set[str] = set()
        self._lost: set[str] = set()
        self._inlets = [self.audio_in, self.video_in]
        self._outlets = [self.audio_out, self.video_out]
        self._odd = False
        self._consent_due = 0.0
        self._stats_due = 0.0
        self._digits: list[Iterator[Any]] = []
        self._digit_base = 0
        self._wheel = wheel()
        self._wheel.add(self)

    # --- routing

    def source(self, kind: str) -> Inlet:
        return self.audio_in if kind == "audio" else self.video_in

    def hears(self, source: Source | None) -> None:
        """From now on this leg hears `source` (None: nothing is sent)."""
        self.audio_out.listen(source.source("audio") if source is not None else None)

    def sees(self, source: Source | None, window: int = 0) -> None:
        """From now on this leg sees `source` in its video line number `window` (0: the first)."""
        outlets = self._outlets[1:]
        if 0 <= window < len(outlets):
            outlets[window].listen(source.source("video") if source is not None else None)

    def mute(self, kinds: frozenset[str] | set[str]) -> None:
        """Nobody gets these kinds from this leg until the next call without them."""
        self.audio_in.mute("audio" in kinds)
        self.video_in.mute("video" in kinds)
        for inlet, _ in self.more_video:
            inlet.mute("video" in kinds)

    def send_digits(self, digits: str) -> bool:
        """Send RFC 4733 digits to this leg, after those under way. False: it does not speak them."""
        steps = self.audio_out.digit_plan(digits)
        if steps is None or not self.audio_out.ready:
            return False
        self._digits.append(steps)
        if len(self._digits) == 1:
            self._digit_base = -1
            ticker().add(self._digit_step)
        return True

    def _digit_step(self) -> bool:
        if self.closed or not self._digits:
            self._digits.clear()
            return False
        step: Any = next(self._digits[0], False)
        if step is False:
            self._digits.pop(0)
            self._digit_base = -1
            return bool(self._digits)
        if step is not None:
            payload, offset, marker = step
            if self._digit_base < 0:
                self._digit_base = self.audio_out.event_base() - offset
            self.audio_out.send_event(payload, self._digit_base, offset, marker)
        return True

    # --- lines

    def set_lines(self, lines: list[Line], transport_of: dict[int, Any]) -> None:
        """Bind the agreed lines (in SDP order) to inlets, outlets and their transports."""
        self.lines = lines
        kinds: dict[str, int] = {"audio": 0, "video": 0}
        for line in lines:
            if line.kind not in kinds:
                continue
            place = kinds[line.kind]
            kinds[line.kind] += 1
            transport = None if line.rejected else transport_of.get(line.index)
            agreed = None if line.rejected else line
            if line.kind == "audio":
                if place == 0:
                    self.audio_in.bind(agreed, transport)
                    self.audio_out.bind(agreed, transport)
                continue
            if place > len(self.more_video):
                self.more_video.append((Inlet("video"), Outlet("video")))
                self._inlets.append(self.more_video[-1][0])
                self._outlets.append(self.more_video[-1][1])
            inlet, outlet = (self.video_in, self.video_out) if place == 0 else self.more_video[place - 1]
            inlet.bind(agreed, transport)
            outlet.bind(agreed, transport)
        self.transports = list({id(one): one for one in transport_of.values()}.values())
        for transport in self.transports:
            transport.lines = [line for line in lines if transport_of.get(line.index) is transport]
            transport.repairs = {
                rtx: main for line in transport.lines for rtx, main in line.remote_rtx.items()
            }

    def inlet_of(self, line: Line) -> Inlet | None:
        return next((inlet for inlet in self.inlets() if inlet.line is line), None)

    def inlets(self) -> list[Inlet]:
        return self._inlets

    def outlets(self) -> list[Outlet]:
        return self._outlets

    # --- what transports tell

    def signal(self, signal: Signal) -> None:
        if not self.closed:
            self.listener(signal)

    def _digit(self, digit: str, duration_ms: int) -> None:
        self.signal(DigitReceived(digit, duration_ms))

    def connected(self, transport: Any) -> None:
        if self.transports and all(one.ready for one in self.transports):
            self.up = True
            now = self._connected_at = monotonic()
            if not self._stats_due:  # the first figures come soon, so that short calls have some too
                self.quality.begin(now)
                self._stats_due = now + min(FIRST_STATS, self.config.stats_seconds)
            self.signal(Connected())
            for outlet in self.outlets():
                outlet.key_wanted()

    def failed(self, why: Failed) -> None:
        self.up = False
        self.signal(why)

    def first_packet(self, inlet: Inlet) -> None:
        if inlet.kind not in self._heard:
            self._heard.add(inlet.kind)
            self.signal(FirstPacket(inlet.kind))
        if inlet.kind == "video":
            for sink in inlet.sinks:
                if isinstance(sink, Outlet):
                    inlet.request_key()

    def feedback(self, transport: Any, data: bytes) -> None:
        reports.take(self, transport, data)

    # --- once a second

    def beat(self, now: float) -> None:
        if self.closed:
            return
        for inlet in self._inlets:
            if inlet.line is not None:
                inlet.beat()
                self._watch(inlet, now)
        for outlet in self._outlets:
            if outlet.line is not None:
                outlet.beat()
        if not self.up:
            return
        self._check_consent(now)
        self._odd = not self._odd
        for transport in self.transports:
            # Sound is reported on every two seconds; a picture's source is told its rate every second.
            if transport.ready and (self._odd or any(line.kind == "video" for line in transport.lines)):
                reports.send(self, transport, now)
        if now >= self._stats_due:
            self._measure(now)

    def _measure(self, now: float) -> None:
        record, bad = self.quality.measure(self, now)
        self._stats_due = now + self.config.stats_seconds
        self.signal(Quality(record, bad))

    def last_figures(self) -> None:
        """Tell the figures of the interval under way, before the port is closed."""
        if self.up and not self.closed and self._stats_due:
            self._measure(monotonic())

    def _check_consent(self, now: float) -> None:
        due = now >= self._consent_due
        if due:
            self._consent_due = now + CONSENT_EVERY
        for transport in self.transports:
            agent = getattr(getattr(transport, "path", None), "agent", None)
            if agent is None or not transport.ready:
                continue
            if now - agent.consent_at > self.config.consent_seconds and transport.next_path is None:
                self.failed(Failed("consent_lost"))
                return
            if due:
                agent.query_consent_now()

    def _watch(self, inlet: Inlet, now: float) -> None:
        """Floods, the first packet's deadline, and silence."""
        kind = inlet.kind
        total = sum(stream.packets for stream in inlet.streams.values())
        rate, inlet.watched = total - inlet.watched, total
        if rate > FLOOD[kind]:
            self.signal(Flood(kind, rate))
        if not (self.expects_media and self.up and kind == "audio" and inlet.line and inlet.line.receives):
            return
        stream = inlet.current()
        since = stream.last_at if stream is not None else self._connected_at
        limit = self.config.silence_seconds if stream is not None else self.config.first_packet_seconds
        if now - max(since, self._connected_at if stream is None else 0.0) > limit:
            if kind not in self._lost:
                self._lost.add(kind)
                self.signal(MediaLost("silence" if stream is not None else "no_first_rtp", kind))
        elif kind in self._lost:
            self._lost.discard(kind)
            self.signal(MediaBack(kind))

    # --- end

    def detach_all(self) -> None:
        """Stop hearing and being heard; nothing keeps this port alive afterwards."""
        self.closed = True
        self._wheel.drop(self)
        for outlet in self.outlets():
            outlet.listen(None)
            outlet.drop_bridge()
        for inlet in self.inlets():
            for sink in inlet.sinks:
                listen = getattr(sink, "listen", None)
                if listen is not None:
                    listen(None)
            inlet.sinks = inlet.taps = ()
            inlet.streams.clear()
