"""Plays prepared media to any number of listeners: encoded once, sent many times.

A `FilePlayer` is a producer like those in `calling.media.sources.producers` (`source(kind)`, `attach`,
`detach`,
`request_keyframe`). Opus goes to Opus listeners as it lies in the file; it is decoded (once for all) only
where a listener speaks something else or the volume was changed. Pictures go as they are to listeners of
their codec, and nothing to others. The position is in 20 ms steps from the ticker, so sound and picture stay
together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from calling.media.codecs.audio_codecs import Encoder
from calling.media.codecs.opus import OpusDecoder, Pcm
from calling.media.files.packets import h264_payloads, vp8_payloads
from calling.media.files.prepared import OPUS_STEP_US, Packet, Prepared
from calling.media.rtp.source import Listener
from calling.media.rtp.ticker import ticker
from calling.media.sources.producers import emit

VIDEO_CLOCK: Final = 90_000
SILENCE: Final = np.zeros(960, np.int16)


class FilePlayer:
    """One run through one or more prepared files, in order, `loops` times (0 = until stopped).

    `on_done()` is called once, at the end. `volume` (dB), `paused` may be changed at any time; `seek` moves
    within the current file. Use on one event loop.
    """

    def __init__(
        self,
        media: Sequence[Prepared],
        *,
        loops: int = 1,
        volume: float = 0.0,
        on_done: Callable[[], None] | None = None,
    ) -> None:
        self._media = [one for one in media if len(one)]
        self._loops = loops
        self._on_done = on_done
        self.volume = volume
        self.paused = False
        self.done = False
        self._which = self._turn = 0
        self._clock_us = 0
        self._at = 0  # next packet of the current file
        self._decoder: OpusDecoder | None = None
        self._encoders: dict[str, Encoder] = {}
        self._running = False
        self.audio = _Track(self, "audio")
        self.video = _Track(self, "video")

    @property
    def has_video(self) -> bool:
        return any(one.about.video for one in self._media)

    def source(self, kind: str) -> _Track | None:
        if kind == "audio":
            return self.audio
        return self.video if self.has_video else None

    def start(self) -> None:
        """Begin, even before anyone listens. Attaching the first listener begins too."""
        if not self._running and not self.done:
            self._running = True
            ticker().add(self._tick)

    def stop(self) -> None:
        """End at once; `on_done` is not called."""
        self.done = True

    def seek(self, milliseconds: int) -> None:
        """Go on from there in the current file; the picture from the key frame before."""
        if self._media and not self.done:
            media = self._media[self._which]
            self._clock_us = max(0, min(milliseconds, media.about.duration_ms)) * 1000
            self._at = media.seek(self._clock_us)
            self.video.fresh = True

    def _tick(self) -> bool:
        if self.done:
            self._running = False
            return False
        if self.paused:
            emit(self.audio, self.audio.listeners, self._encoders, SILENCE, 48000)
            return True
        if not self._media or (self._at_end() and not self._next()):
            self._finish()
            return False
        media = self._media[self._which]
        until = self._clock_us + OPUS_STEP_US
        sounded = False
        while self._at < len(media) and media.times[self._at] < until:
            packet = media.packet(self._at)
            self._at += 1
            if packet.kind == "audio":
                self._sound(packet.payload)
                sounded = True
            else:
                self.video.show(packet, media)
        if not sounded and not media.about.audio:
            self._speak(SILENCE)
        self._clock_us = until
        return True

    def _at_end(self) -> bool:
        media = self._media[self._which]
        return self._at >= len(media) and self._clock_us >= media.about.duration_ms * 1000

    def _next(self) -> bool:
        """The next file or the next turn; False when there is none."""
        self._which += 1
        if self._which >= len(self._media):
            self._which = 0
            self._turn += 1
            if self._loops and self._turn >= self._loops:
                return False
        self._clock_us = self._at = 0
        self._decoder = None
        self.video.fresh = True
        return True

    def _finish(self) -> None:
        self.done, self._running = True, False
        if self._on_done is not None:
            done, self._on_done = self._on_done, None
            done()

    def _sound(self, payload: bytes) -> None:
        """One 20 ms Opus packet to everyone."""
        others = []
        for listener in list(self.audio.listeners):
            codec = listener.codec if listener.ready else None
            if codec is None:
                continue
            if codec.name.lower() == "opus" and not self.volume:
                listener.push(self.audio, payload, codec.pt, 960)
            else:
                others.append(listener)
        if others or self._decoder is not None:
            if self._decoder is None:
                self._decoder = OpusDecoder(48000)
            self._speak(self._decoder.decode(payload), others)

    def _speak(self, pcm: Pcm, listeners: list[Listener] | None = None) -> None:
        if self.volume:
            pcm = np.clip(pcm * 10 ** (self.volume / 20), -32768, 32767).astype(np.int16)
        emit(self.audio, self.audio.listeners if listeners is None else listeners, self._encoders, pcm, 48000)


class _Track:
    """The sound or the picture of a FilePlayer, as listeners see it."""

    def __init__(self, player: FilePlayer, kind: str) -> None:
        self._player, self.kind = player, kind
        self.listeners: dict[Listener, None] = {}
        self.fresh = True  # the next picture must be a key frame
        self._picture = 0
        self._last_us = 0
        self._waiting: set[Listener] = set()

    def attach(self, listener: Listener) -> None:
        self.listeners[listener] = None
        self._waiting.add(listener)
        self._player.start()

    def detach(self, listener: Listener) -> None:
        self.listeners.pop(listener, None)
        self._waiting.discard(listener)

    def request_keyframe(self) -> None:
        """Key frames come every two seconds; a file cannot make one sooner."""

    def show(self, packet: Packet, media: Prepared) -> None:
        """Send one whole picture to the listeners of its codec."""
        if self.fresh and not packet.keyframe:
            return
        self.fresh = False
        codec_name = media.about.video or ""
        gap = packet.timestamp - self._last_us
        step = gap * VIDEO_CLOCK // 1_000_000 if 0 < gap < 1_000_000 else VIDEO_CLOCK // 25
        self._last_us = packet.timestamp
        self._picture = (self._picture + 1) & 0x7FFF
        payloads: list[bytes] = []
        for listener in list(self.listeners):
            line = listener.line if listener.ready else None
            codec = (
                next((one for one in line.codecs if one.name.lower() == codec_name), None) if line else None
            )
            if codec is None or (listener in self._waiting and not packet.keyframe):
                continue
            self._waiting.discard(listener)
            if not payloads:
                payloads = list(
                    vp8_payloads(packet.payload, self._picture)
                    if codec_name == "vp8"
                    else h264_payloads(packet.payload)
                )
            for number, payload in enumerate(payloads):
                last = number == len(payloads) - 1
                listener.push(self, payload, codec.pt, step if last else 0, marker=last)
