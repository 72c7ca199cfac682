"""From one leg's codec to another's, packet by packet, where they share none (Opus and G.711: 8 kHz).

No buffer is added: each packet is decoded and encoded as it comes; lost ones are concealed, late ones
dropped. libopus works at 8 kHz next to G.711, so nothing is resampled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from calling.media.codecs.audio_codecs import decoder, encoder
from calling.sdp.model import Codec

CONCEAL_MAX = 5  # frames; after a longer loss there is silence


def rate_of(*names: str) -> int:
    """The lowest rate that serves these codecs."""
    if "pcmu" in names or "pcma" in names:
        return 8000
    return 16000 if "g722" in names else 48000


Emit = Callable[["Transcoder", bytes, int, int], None]


class Transcoder:
    """One direction of a transcoded pair. `emit` takes (itself, payload, payload type, timestamp step)."""

    def __init__(self, source: Codec, target: Codec, emit: Emit) -> None:
        self.codec = source
        names = source.name.lower(), target.name.lower()
        self.rate = rate_of(*names)
        self._emit = emit
        self._target = target
        self._decoder = decoder(names[0], self.rate)
        self._encoder = encoder(names[1], self.rate)
        self._frame = self.rate // 50
        self._step = target.clock // 50
        self._rest = np.zeros(0, np.int16)
        self._top: int | None = None
        self.stream: object | None = None  # whose sequence numbers are followed

    def renew(self, stream: object | None = None) -> None:
        """The next packet follows nothing: another stream, or the same whose numbers begin anew."""
        self.stream, self._top = stream, None

    def packet(self, payload: memoryview, sequence: int, timestamp: int) -> None:
        """One payload of the source; what fills 20 ms goes out at once."""
        if self._top is not None:
            step = (sequence - self._top) & 0xFFFF
            if step == 0 or step >= 0x8000:
                return
            for left in range(min(step - 1, CONCEAL_MAX), 0, -1):
                self._add(self._decoder.conceal(self._frame, payload if left == 1 else None))
        self._top = sequence
        try:
            pcm = self._decoder.decode(payload)
        except ValueError:
            pcm = self._decoder.conceal(self._frame)
        self._add(pcm)

    def _add(self, pcm: np.ndarray) -> None:
        frame = self._frame
        if len(pcm) == frame and not len(self._rest):
            self._send(pcm)
            return
        self._rest = np.concatenate((self._rest, pcm))
        while len(self._rest) >= frame:
            self._send(self._rest[:frame])
            self._rest = self._rest[frame:]

    def _send(self, pcm: np.ndarray) -> None:
        self._emit(self, self._encoder.encode(pcm), self._target.pt, self._step)

    def expect_loss(self, share: float) -> None:
        """The listener loses this share of the packets."""
        self._encoder.expect_loss(share)

    def close(self) -> None:
        """Forget the codecs."""
