"""One leg's media in the packet path: its receivers and senders, who hears whom, RTCP and deadlines.

The session routes with `set_audio_source`, `set_video_source`, `mute` and `send_digits`; none of it
renegotiates. A source is another MediaPort, anything with `source(kind)` and `attach/detach(listener)`
(tones, files, mixers), or None.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping

from calling.media.rtp import rtcp_reports
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.digit_plan import DigitStep, digit_plan, digit_way
from calling.media.rtp.events import Connected, DigitReceived, Flood, MediaLost, PeerFailed, Quality, Signal
from calling.media.rtp.receive_stream import monotonic
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.sender import RtpSender
from calling.media.rtp.source import Source
from calling.media.rtp.ticker import ticker
from calling.media.rtp.timer_wheel import wheel
from calling.media.rtp.transport import RtpTransport
from calling.media.rtp.viewed_pictures import ViewedPictures
from calling.sdp import negotiation
from calling.sdp.negotiation import Transceiver

CONSENT_EVERY = 4.0
FIRST_STATS = 1.5  # seconds until the first figures
# packets per second at 20 times a codec's ordinary rate (docs/security.md#r21):
# 50 for sound, about 150 for a picture
FLOOD = {"audio": 20 * 50, "video": 20 * 150}
CONTROL_FLOOD = 1000  # RTCP datagrams per second; a browser with several pictures sends fewer than 100


class MediaPort:
    """One leg. `listener(signal)` is called in the loop for everything that happens."""

    def __init__(self, config: MediaConfig, listener: Callable[[Signal], None]) -> None:
        self.config = config
        self.listener = listener
        self.cname = secrets.token_hex(8)
        self.audio_in = RtpReceiver("audio", self._digit)
        self.video_in = RtpReceiver("video")
        self.audio_out = RtpSender("audio")
        self.video_out = RtpSender("video")
        # further video lines, in the order of the SDP
        self.more_video: list[tuple[RtpReceiver, RtpSender]] = []
        self.lines: list[Transceiver] = []
        self.transports: list[RtpTransport] = []
        self.unsent = 0
        self.fir_number = 0
        self.expects_media = True  # the session clears it while the device may fall silent (it holds)
        self.up = False
        self.hears_no_events = False  # it agreed to telephone-event and does nothing with it
        self.signalled_digits: Callable[[str], None] | None = None  # takes digits to it beside the media
        self.silence_ends = 0.0  # seconds without RTP and RTCP after which the leg has failed; 0: never
        self.awaits_sound = False  # `Connected` is told at the first packet, not before
        self.closed = False
        self.quality = rtcp_reports.QualityMeter()
        self._expected_at = 0.0  # since when sound should come; 0: it need not
        self._control_at = 0.0  # when RTCP came
        self._controls = 0  # and how often within this second
        self._heard: set[str] = set()
        self._lost: set[str] = set()
        self._receivers = [self.audio_in, self.video_in]
        self._senders = [self.audio_out, self.video_out]
        self.pictures = ViewedPictures(self._senders)
        self._odd = False
        self._consent_due = 0.0
        self._stats_due = 0.0
        self._digits: list[Iterator[DigitStep]] = []
        self._digit_base = 0
        self._wheel = wheel()
        self._wheel.add(self)

    # --- routing

    def source(self, kind: str) -> RtpReceiver:
        return self.audio_in if kind == "audio" else self.video_in

    def set_audio_source(self, source: Source | None) -> None:
        """From now on this leg hears `source` (None: nothing is sent)."""
        self.audio_out.attach_source(source.source("audio") if source is not None else None)

    def set_video_source(self, source: Source | None, window: int = 0) -> None:
        """From now on this leg sees `source` in its video line number `window` (0: the first)."""
        senders = self._senders[1:]
        if 0 <= window < len(senders):
            senders[window].attach_source(source.source("video") if source is not None else None)

    def mute(self, kinds: frozenset[str] | set[str]) -> None:
        """Nobody gets these kinds from this leg until the next call without them."""
        self.audio_in.mute("audio" in kinds)
        self.video_in.mute("video" in kinds)
        for receiver, _ in self.more_video:
            receiver.mute("video" in kinds)

    def send_digits(self, digits: str) -> bool:
        """Send digits to this leg, after those under way: as RFC 4733 events, else the way its signalling has
        (`signalled_digits`), else as tones. False: none is possible."""
        unheard = self.hears_no_events or digit_way(self.audio_out.line) != "events"
        if self.signalled_digits is not None and unheard:
            self.signalled_digits(digits)
            return True
        steps = digit_plan(self.audio_out.line, digits)
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
        step = next(self._digits[0], False)
        if isinstance(step, bool):
            self._digits.pop(0)
            self._digit_base = -1
            return bool(self._digits)
        if step is not None:
            if isinstance(step, bytes):
                self.audio_out.send_tone(step)
                return True
            payload, offset, marker = step
            if self._digit_base < 0:
                self._digit_base = self.audio_out.event_base() - offset
            self.audio_out.send_event(payload, self._digit_base, offset, marker)
        return True

    def choose_layers(self, now: float) -> None:
        """Pictures that this leg sees come in other layers than before."""
        self.pictures.choose(now)

    # --- lines

    def set_lines(self, lines: list[Transceiver], transport_of: Mapping[int, RtpTransport]) -> None:
        """Bind the agreed lines (in SDP order) to receivers, senders and their transports.

        Sound comes from the first audio line that brings any and goes to the first that takes any, wherever
        they stand; so do pictures, of which further lines may be used too.
        """
        self.lines = lines
        self.transports = list({id(one): one for one in transport_of.values()}.values())
        for transport in self.transports:
            transport.take_lines([line for line in lines if transport_of.get(line.index) is transport])
        spoken = [line for line in lines if line.kind == "audio" and not line.rejected]
        shown = [line for line in lines if line.kind == "video" and not line.rejected]
        while len(shown) > 1 + len(self.more_video):
            self.more_video.append((RtpReceiver("video"), RtpSender("video")))
            self._receivers.append(self.more_video[-1][0])
            self._senders.append(self.more_video[-1][1])
        for receiver, line in zip(self._receivers, _sources(self._receivers, spoken, shown), strict=True):
            if receiver.line is not None and line is not None and receiver.line.index != line.index:
                self._forget(receiver)
            receiver.bind(line, transport_of.get(line.index) if line is not None else None)
        for sender, line in zip(self._senders, _targets(self._senders, spoken, shown), strict=True):
            sender.bind(line, transport_of.get(line.index) if line is not None else None)

    def _forget(self, receiver: RtpReceiver) -> None:
        """What came to it was of another line."""
        for stream in tuple(receiver.streams.values()):
            receiver.forget(stream)
            for transport in self.transports:
                transport.streams.pop(stream.ssrc, None)

    def receiver_of(self, line: Transceiver) -> RtpReceiver | None:
        return next((receiver for receiver in self.receivers() if receiver.line is line), None)

    def receivers(self) -> list[RtpReceiver]:
        return self._receivers

    def senders(self) -> list[RtpSender]:
        return self._senders

    def rtt(self) -> float | None:
        """The longest round trip that RTCP measured, in seconds; None while none is known."""
        return max((sender.rtt for sender in self._senders if sender.rtt is not None), default=None)

    # --- what transports tell

    def signal(self, signal: Signal) -> None:
        if not self.closed:
            self.listener(signal)

    def _digit(self, digit: str, duration_ms: int) -> None:
        self.signal(DigitReceived(digit, duration_ms))

    def connected(self) -> None:
        if self.transports and all(one.ready for one in self.transports):
            self.up = True
            now = monotonic()
            if not self._stats_due:  # the first figures come soon, so that short calls have some too
                self.quality.begin(now)
                self._stats_due = now + min(FIRST_STATS, self.config.stats_seconds)
            if not self.awaits_sound:
                self.signal(Connected())
            for sender in self.senders():
                sender.on_pli()
            self.pictures.choose(now)

    def failed(self, why: PeerFailed) -> None:
        self.up = False
        self.signal(why)

    def first_packet(self, receiver: RtpReceiver) -> None:
        if receiver.kind not in self._heard:
            self._heard.add(receiver.kind)
            if self.awaits_sound and receiver.kind == "audio":
                self.awaits_sound = False
                self.signal(Connected())
        if receiver.kind == "video":
            for sink in receiver.sinks:
                if isinstance(sink, RtpSender):
                    receiver.request_keyframe()

    def heard(self, kind: str) -> bool:
        """Whether a packet of that kind ever came."""
        return kind in self._heard

    def feedback(self, transport: RtpTransport, data: bytes) -> None:
        self._control_at = monotonic()
        self._controls += 1
        rtcp_reports.handle_rtcp(self, transport, data)

    # --- once a second

    def crashed(self) -> None:
        self.failed(PeerFailed("crashed"))

    def on_second(self, now: float) -> None:
        if self.closed:
            return
        self._sync()
        controls, self._controls = self._controls, 0
        if controls > CONTROL_FLOOD:
            self.signal(Flood("control"))
        for receiver in self._receivers:
            if receiver.line is not None:
                receiver.on_second()
                self._watch(receiver, now)
        for sender in self._senders:
            if sender.line is not None:
                sender.on_second()
        if not self.up:
            return
        self.pictures.choose(now)
        for transport in self.transports:
            if transport.wide is not None:
                transport.wide.on_second(now)
        self._check_consent(now)
        self._odd = not self._odd
        for transport in self.transports:
            # Sound is reported on every two seconds; a picture's source is told its rate every second.
            if transport.ready and (self._odd or any(line.kind == "video" for line in transport.lines)):
                rtcp_reports.send_reports(self, transport, now)
        if now >= self._stats_due:
            self._measure(now)

    def _measure(self, now: float) -> None:
        record, bad = self.quality.measure(self, now)
        self._stats_due = now + self.config.stats_seconds
        self.signal(Quality(record, bad))

    def last_figures(self) -> None:
        """Tell the figures of the interval under way, before the port is closed."""
        if self.up and not self.closed and self._stats_due:
            self._sync()
            self._measure(monotonic())

    def _sync(self) -> None:
        """What is forwarded without Python is counted elsewhere; the counts of now are needed here."""
        for transport in self.transports:
            for flow in transport.flows:
                flow.sync()

    def _check_consent(self, now: float) -> None:
        due = now >= self._consent_due
        if due:
            self._consent_due = now + CONSENT_EVERY
        for transport in self.transports:
            if transport.ready and not transport.consents(now - self.config.consent_seconds, ask=due):
                self.failed(PeerFailed("consent_lost"))
                return

    def _watch(self, receiver: RtpReceiver, now: float) -> None:
        """Floods, the first packet's deadline, and silence."""
        kind = receiver.kind
        _, expected, total = receiver.totals()
        rate, receiver.watched = total - receiver.watched, total
        if rate > FLOOD[kind]:
            self.signal(Flood(kind))
        if kind != "audio":
            return
        if not (self.expects_media and self.up and receiver.line and receiver.line.receives):
            self._expected_at = 0.0
            return
        if not self._expected_at:
            self._expected_at = now
            receiver.dtx.forget_pause()
        receiver.dtx.on_second(rate, expected - total, begun=bool(receiver.streams))
        stream = receiver.current()
        since = max(stream.last_at if stream is not None else 0.0, self._expected_at)
        if self._is_dead(receiver, now - max(since, self._control_at)):
            self.failed(PeerFailed("silence"))
            return
        limit = self.config.silence_seconds if stream is not None else self.config.first_packet_seconds
        if now - since > limit:
            if kind not in self._lost:
                self._lost.add(kind)
                self.signal(MediaLost("silence" if stream is not None else "no_first_rtp", kind))
        else:
            self._lost.discard(kind)

    def _is_dead(self, receiver: RtpReceiver, silent: float) -> bool:
        """A party without ICE says nothing when it vanishes; one that pauses has twice the time."""
        return 0 < self.silence_ends * (2 if receiver.dtx.seen else 1) < silent

    # --- end

    def detach_all(self) -> None:
        """Stop hearing and being heard; nothing keeps this port alive afterwards."""
        self.closed = True
        self._wheel.drop(self)
        for sender in self.senders():
            sender.attach_source(None)
            sender.drop_bridge()
        for receiver in self.receivers():
            for sink in receiver.sinks:
                sink.attach_source(None)
            receiver.take_back()
            receiver.sinks = receiver.taps = receiver.later = ()
            receiver.filter = None
            receiver.streams.clear()


def _sources(
    ends: list[RtpReceiver], spoken: list[Transceiver], shown: list[Transceiver]
) -> list[Transceiver | None]:
    """The line of each receiver. A picture that comes stays at its own."""
    live = {line.index for line in shown if line.receives}
    held = [end.line if end.line and end.streams and end.line.index in live else None for end in ends[1:]]
    sound = negotiation.seated(spoken, [None], lambda line: line.receives)[0]
    return [sound, *negotiation.seated(shown, held, lambda line: line.receives)]


def _targets(
    ends: list[RtpSender], spoken: list[Transceiver], shown: list[Transceiver]
) -> list[Transceiver | None]:
    """The line of each sender. One that has sent pictures stays at its own: no other may go on with the
    numbers of that SSRC."""
    held = [end.line if end.outgoing.packets else None for end in ends[1:]]
    sound = negotiation.seated(spoken, [None], lambda line: line.sends)[0]
    return [sound, *negotiation.seated(shown, held, lambda line: line.sends)]
