"""Producers: what the platform itself lets a leg hear. They have `source(kind)`, `attach`, `detach`.

A Clip plays payloads encoded beforehand (music, tones, the announcement): per listener it costs one
SRTP operation and one send. A Player pulls PCM every 20 ms (a file, speech) and encodes it once per
codec, however many listen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from calling.media.codecs.audio_codecs import Encoder, encoder, resample
from calling.media.codecs.opus import Pcm
from calling.media.rtp.forwarding import Feed
from calling.media.rtp.source import Listener
from calling.media.rtp.ticker import ticker
from calling.sdp.model import Codec

Frames = Callable[[str], Sequence[bytes]]  # codec name -> payloads of 20 ms each


def _spoken(listener: Listener) -> Codec | None:
    """The codec to send: the one the listener put first."""
    return listener.codec if listener.line is not None and listener.line.sends else None


class Clip:
    """Plays frames to every listener from the start; `loop` starts over, else `on_done()` is called."""

    def __init__(
        self, frames: Frames, *, loop: bool = True, on_done: Callable[[], None] | None = None
    ) -> None:
        self._frames = frames
        self._loop = loop
        self._on_done = on_done
        self._places: dict[Listener, int] = {}

    def source(self, kind: str) -> Clip | None:
        return self if kind == "audio" else None

    def attach(self, listener: Listener) -> None:
        if not self._places:
            ticker().add(self._tick)
        self._places[listener] = 0

    def detach(self, listener: Listener) -> None:
        self._places.pop(listener, None)

    def request_keyframe(self) -> None:
        """Sound has no key frames."""

    def _tick(self) -> bool:
        finished = False
        for listener, place in list(self._places.items()):
            codec = _spoken(listener)
            if codec is None or not listener.ready:
                continue
            frames = self._frames(codec.name.lower())
            if place >= len(frames):
                if not self._loop:
                    finished = True
                    continue
                place = 0
            listener.push(self, frames[place], codec.pt, codec.clock // 50, marker=place == 0)
            self._places[listener] = place + 1
        if finished and self._on_done is not None:
            done, self._on_done = self._on_done, None
            done()
        return bool(self._places)


class Player:
    """Plays what `pull()` gives: 20 ms of mono int16 at `rate`, or None at the end (then `on_done()`).

    `volume` (dB) and `paused` may be changed while it plays; a paused player sends silence.
    """

    def __init__(
        self, pull: Callable[[], Pcm | None], rate: int = 48000, on_done: Callable[[], None] | None = None
    ) -> None:
        self._pull = pull
        self.rate = rate
        self._on_done = on_done
        self.volume = 0.0
        self.paused = False
        self.done = False
        self._listeners: dict[Listener, None] = {}
        self._encoders: dict[str, Encoder] = {}

    def source(self, kind: str) -> Player | None:
        return self if kind == "audio" else None

    def attach(self, listener: Listener) -> None:
        if not self._listeners:
            ticker().add(self._tick)
        self._listeners[listener] = None

    def detach(self, listener: Listener) -> None:
        self._listeners.pop(listener, None)

    def request_keyframe(self) -> None:
        """Sound has no key frames."""

    def _tick(self) -> bool:
        if self.done:
            return False
        pcm: Pcm | None = np.zeros(self.rate // 50, np.int16)
        if not self.paused:
            pcm = self._pull()
        if pcm is None:
            self.done = True
            if self._on_done is not None:
                self._on_done()
            return False
        if self.volume:
            pcm = np.clip(pcm * 10 ** (self.volume / 20), -32768, 32767).astype(np.int16)
        emit(self, self._listeners, self._encoders, pcm, self.rate)
        return bool(self._listeners)


def emit(
    feeder: object, listeners: Iterable[Listener], encoders: dict[str, Encoder], pcm: Pcm, rate: int
) -> None:
    """Send 20 ms to all listeners, encoded once per codec, in one call to those that the loop sends to."""
    made: dict[str, bytes] = {}
    many: dict[Feed, list[int]] = {}

    def payload(name: str) -> bytes:
        if name not in made:
            if name not in encoders:
                own_rate = 48000 if name == "opus" else 8000 if name[:3] == "pcm" else 16000
                encoders[name] = encoder(name, own_rate)
            own = encoders[name]
            made[name] = own.encode(resample(pcm, rate, getattr(own, "rate", rate)))
        return made[name]

    for listener in list(listeners):
        lent = listener.lent(feeder)
        if lent is not None and lent.feed is not None:
            many.setdefault(lent.feed, []).append(lent.number)
            continue
        codec = _spoken(listener)
        if codec is not None and listener.ready:
            listener.push(feeder, payload(codec.name.lower()), codec.pt, codec.clock // 50)
            listener.offer(feeder, codec)
    for feed, numbers in many.items():
        feed.forwarder.push(numbers, payload(feed.codec), feed.step)
