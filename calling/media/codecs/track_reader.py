"""What one party says, read 20 ms at a time: its packets through a jitter buffer and, where asked, a decoder.

A tap of a receiver, which takes what the forwarding loop has kept when it is read. Who records, mixes or
streams it is not known here.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from calling.media.codecs.audio_codecs import Decoder, decoder
from calling.media.codecs.jitter_buffer import LOST, JitterBuffer, Lost, Wait
from calling.media.codecs.late_tap import LateTap
from calling.media.codecs.opus import Pcm, opus_samples
from calling.sdp.model import Codec

RATE: Final = 48000
FRAME: Final = RATE // 50
QUIET: Final = np.zeros(FRAME, np.int16)


class TrackReader(LateTap):
    """One party's sound as it comes in: a LaterTap of its receiver."""

    def __init__(self, rate: int = RATE) -> None:
        super().__init__()
        self.rate = rate
        self._buffer = JitterBuffer()
        self._codec: Codec | None = None
        self._decoder: Decoder | None = None
        self._skip = 0
        self._rest = QUIET[:0]
        self.level = 127
        self.says_level = False

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        if codec.name.lower() in ("telephone-event", "cn"):
            return
        if self._codec is None or codec.key != self._codec.key:
            self._codec, self._decoder = codec, None
            self._buffer.clear()
        if level is not None:
            self.level, self.says_level = level, True
        self._buffer.put(sequence, bytes(payload))

    def kept(self, payload: memoryview, codec: Codec, sequence: int, level: int | None, at: float) -> None:
        self.packet(payload, codec, sequence, 0, False, level)

    def forget(self) -> None:
        """The next packet does not continue the last one."""
        self._buffer.clear()
        self._skip, self._rest = 0, QUIET[:0]

    @property
    def opus(self) -> bool:
        """Whether it speaks Opus (or has said nothing yet)."""
        return self._codec is None or self._codec.name.lower() == "opus"

    def next(self) -> bytes | Lost | Wait | None:
        """The payload for these 20 ms; None while a longer one is still going on."""
        self.drain()
        if self._skip > 0:
            self._skip -= 1
            return None
        found = self._buffer.pull()
        if isinstance(found, bytes) and self.opus:
            self._skip = max(0, opus_samples(found) // FRAME - 1)
        return found

    def hear(self) -> Pcm:
        """20 ms of samples at `rate` (more for a longer packet, then none for as long)."""
        return self._samples(self.next())

    def _samples(self, found: bytes | Lost | Wait | None) -> Pcm:
        frame = self.rate // 50
        if found is None:
            return QUIET[:0]
        if self._codec is None or isinstance(found, Wait):
            self.level = 127
            return QUIET[:frame]
        if self._decoder is None:
            self._decoder = decoder(self._codec.name.lower(), self.rate)
        try:
            if found is LOST:
                pcm = self._decoder.conceal(frame, self._buffer.following())
            else:
                pcm = self._decoder.decode(found)  # type: ignore[arg-type]
        except ValueError:
            return QUIET[:frame]
        return np.array(pcm, np.int16)

    def twenty(self) -> Pcm:
        """Exactly 20 ms at `rate`, whatever the length of the party's packets."""
        return self.twenty_of(self.next())

    def twenty_of(self, found: bytes | Lost | Wait | None) -> Pcm:
        """The same of what `next` gave."""
        size = self.rate // 50
        heard = self._samples(found)
        rest = np.concatenate((self._rest, heard)) if len(self._rest) else heard
        if len(rest) < size:
            rest = np.concatenate((rest, QUIET[: size - len(rest)]))
        self._rest = rest[size:]
        return rest[:size]

    @property
    def between(self) -> bool:
        """Whether samples of a longer packet are still to be heard."""
        return len(self._rest) > 0
