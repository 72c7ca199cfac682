"""The recorder: what some parties say, on one timeline of 20 ms steps, into one file.

Into Ogg, the Opus packets of a channel's only party go to the file as they came, nothing is decoded.
Everything else (parties that are mixed, WAV, MP3, G.711) is decoded on this loop by libopus, mixed or put one
party per channel. Gaps (silence suppression, mute, loss) become silence of the same length. Ends by itself at
`max_length`, after `initial_timeout` without a word, or `end_silence_timeout` after the last one. Rows and
events are not its business (`recording_job`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from calling.media.codecs.jitter_buffer import LOST
from calling.media.codecs.opus import Pcm, opus_samples
from calling.media.codecs.track_reader import QUIET, TrackReader
from calling.media.recording.envelope import Envelope, peak_of
from calling.media.recording.formats import open_writer
from calling.media.recording.ogg import SILENCE, OggWriter, lost_after, passes
from calling.media.recording.writers import FRAME, RATE, Sound
from calling.media.rtp.ticker import ticker
from calling.sdp.model import Codec

SPEECH_LEVEL: Final = 50  # -dBov; louder than that is somebody speaking
MAX_SECONDS: Final = 14400.0


@dataclass(frozen=True)
class Settings:
    """How to record. Seconds; 0 means no such limit (but never longer than four hours)."""

    format: str = "ogg"
    stereo: bool = False
    max_length: float = 0
    initial_timeout: float = 0
    end_silence_timeout: float = 0
    speech_level: int = SPEECH_LEVEL

    @property
    def listens(self) -> bool:
        return self.initial_timeout > 0 or self.end_silence_timeout > 0


class GatedReader(TrackReader):
    """A party that is heard only while `gate()` says so, to the packet."""

    takes_later = False

    def __init__(self, gate: Callable[[], bool]) -> None:
        super().__init__()
        self._gate = gate

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        if self._gate():
            super().packet(payload, codec, sequence, timestamp, marker, level)


class RoomReader(TrackReader):
    """The mix of a room: 20 ms pieces as its mixer gives them."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: deque[Pcm] = deque(maxlen=10)

    def hear_mix(self, pcm: Pcm) -> None:
        self._pieces.append(pcm)

    @property
    def opus(self) -> bool:
        return False

    def next(self) -> None:
        if self._pieces:
            self._pieces.popleft()

    def twenty(self) -> Pcm:
        self.level = 127
        return self._pieces.popleft() if self._pieces else QUIET


def loudness(pcm: Pcm) -> int:
    """-dBov of some samples, as RFC 6464 counts: 0 loudest, 127 silence."""
    if not len(pcm):
        return 127
    power = float(np.mean(np.square(pcm, dtype=np.float64)))
    return 127 if power < 1 else int(min(127, max(0, -10 * np.log10(power / 32767**2))))


class Recorder:
    """Records `ears` into `path` from `start` until `stop` or a limit; `finished` is then done.

    The result of `finished`: `max_length end_silence no_input stopped`, or the OSError that ended it.
    """

    def __init__(self, path: Path, ears: Sequence[TrackReader], settings: Settings) -> None:
        self.path, self.ears, self.settings = path, list(ears), settings
        self.channels = 2 if settings.stereo else 1
        self.paused = False
        self.keeps_time = False  # a pause becomes silence instead of being left out
        self.samples = 0
        self.finished: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._through = len(self.ears) == 1 and settings.format == "ogg" and not settings.stereo
        self._writer = open_writer(path, settings.format, self.channels)
        self._last = [SILENCE] * self.channels
        self.envelope = Envelope(self.channels)
        self._heard = False
        self._silent = 0.0

    @property
    def duration_ms(self) -> int:
        return self.samples * 1000 // RATE

    @property
    def size(self) -> int:
        with contextlib.suppress(OSError):
            return os.stat(self.path).st_size
        return 0

    def start(self) -> None:
        ticker().add(self._tick)

    def add(self, ear: TrackReader) -> None:
        """Another party joins: from here on it is mixed in (with two channels, into the right one)."""
        self.ears.append(ear)
        self._through = False

    def stop(self, reason: str = "stopped") -> None:
        """Close the file. Does nothing where that has happened."""
        if self.finished.done():
            return
        try:
            self._writer.close()
        except OSError as problem:
            self.finished.set_exception(problem)
        else:
            self.finished.set_result(reason)

    def _tick(self) -> bool:
        if self.finished.done():
            return False
        try:
            self._step()
        except OSError as problem:
            with contextlib.suppress(OSError):
                self._writer.close()
            self.finished.set_exception(problem)
            return False
        self._judge()
        return not self.finished.done()

    def _step(self) -> None:
        if self.paused:
            for ear in self.ears:
                ear.next()
            if not self.keeps_time:
                return
        if self._through and not self.ears[0].opus:
            self._through = False  # it turned out to speak something else: encode from here on
        if isinstance(self._writer, OggWriter) and self.channels == 2:
            self._side_by_side(self._writer)
        elif (
            self._through
            and isinstance(self._writer, OggWriter)
            and not (self.settings.listens and self.ears[0].level == 127)
        ):
            self._pass(self._writer)
        else:
            self._write(self._mixed())

    def _side_by_side(self, writer: OggWriter) -> None:
        """The first party's packet beside that of the others."""
        sides = [
            self._side(writer, number, ears) for number, ears in enumerate((self.ears[:1], self.ears[1:]))
        ]
        writer.add_opus([payload for payload, _ in sides], FRAME)
        self.envelope.add_peaks([peak for _, peak in sides])
        self.samples += FRAME

    def _side(self, writer: OggWriter, number: int, ears: Sequence[TrackReader]) -> tuple[bytes, int]:
        """20 ms of one channel, and their peak: as they came where its only party sends such packets and says
        how loud they are."""
        if self.paused or not ears:
            return SILENCE, 0
        if len(ears) > 1 or not ears[0].opus or not ears[0].says_level:
            return self._encoded(writer, number, ears, [ear.twenty() for ear in ears])
        ear = ears[0]
        found = ear.next()
        if ear.between or found is None:
            return self._encoded(writer, number, ears, [ear.twenty_of(found)])
        if found is LOST:
            return lost_after(self._last[number]), 0
        if not isinstance(found, bytes):
            ear.level = 127
            return SILENCE, 0
        if not passes(found):
            return self._encoded(writer, number, ears, [ear.twenty_of(found)])
        self._last[number] = found
        return found, peak_of(ear.level)

    def _encoded(
        self, writer: OggWriter, number: int, ears: Sequence[TrackReader], pieces: Sequence[Pcm]
    ) -> tuple[bytes, int]:
        self._learn_levels(ears, pieces)
        pcm = _mix(pieces)
        return writer.encoded(number, pcm), int(max(pcm.max(), -int(pcm.min())))

    def _pass(self, writer: OggWriter) -> None:
        found = None if self.paused else self.ears[0].next()
        if found is None and not self.paused:
            return
        payload = found if isinstance(found, bytes) and found else SILENCE
        samples = opus_samples(payload)
        if not isinstance(found, bytes):
            self.ears[0].level = 127
        writer.add_opus([payload], samples)
        self.envelope.add_level(self.ears[0].level, max(1, samples // FRAME))
        self.samples += samples

    def _mixed(self) -> Sound:
        pieces = [QUIET if self.paused else ear.twenty() for ear in self.ears]
        self._learn_levels(self.ears, pieces)
        if self.channels == 2:
            left = pieces[0] if pieces else QUIET
            return np.stack((left, _mix(pieces[1:])), axis=1)
        return _mix(pieces).reshape(-1, 1)

    def _learn_levels(self, ears: Sequence[TrackReader], pieces: Sequence[Pcm]) -> None:
        if self.settings.listens:
            for ear, piece in zip(ears, pieces, strict=True):
                ear.level = min(ear.level, loudness(piece)) if ear.level < 127 else loudness(piece)

    def _write(self, pcm: Sound) -> None:
        self._writer.add(pcm)
        self.envelope.add(pcm)
        self.samples += FRAME

    def _judge(self) -> None:
        """Is it time to end?"""
        settings, seconds = self.settings, self.samples / RATE
        if seconds >= min(settings.max_length or MAX_SECONDS, MAX_SECONDS):
            self.stop("max_length")
        if not settings.listens or self.paused:
            return
        if any(ear.level < settings.speech_level for ear in self.ears):
            self._heard, self._silent = True, 0.0
        else:
            self._silent += FRAME / RATE
        if not self._heard and settings.initial_timeout and self._silent >= settings.initial_timeout:
            self.stop("no_input")
        elif self._heard and settings.end_silence_timeout and self._silent >= settings.end_silence_timeout:
            self.stop("end_silence")


def _mix(pieces: Sequence[Pcm]) -> Pcm:
    if not pieces:
        return QUIET
    if len(pieces) == 1:
        return pieces[0]
    total = np.sum(np.stack(pieces), axis=0, dtype=np.int32)
    return np.clip(total, -32768, 32767).astype(np.int16)
