"""A loudspeaker in a room: whatever a producer plays becomes PCM that the room's mixer adds to its members.

It stands where a listener's RtpSender would, so that files, speech and tones need not know of rooms.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from calling.media.codecs.audio_codecs import decoder
from calling.media.codecs.opus import Pcm
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.source import Source
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver

RATE = 48000
FRAME = RATE // 50
QUIET: Pcm = np.zeros(FRAME, np.int16)
HELD = 10  # frames that may wait: two clocks of 20 ms never drift further


class DecodedSource:
    """Plays `source` until `close`. `pull()` gives 20 ms at 48 kHz, None once it is closed."""

    codec = Codec("opus", 48000, 2, 111)
    line = Transceiver("audio", 0, None, sends=True, receives=False, codecs=[codec])
    ready = True

    def __init__(self, source: Source) -> None:
        self._decoder = decoder("opus", RATE)
        self._frames: deque[Pcm] = deque(maxlen=HELD)
        self._closed = False
        track = source.source("audio")
        self._track = None if isinstance(track, RtpReceiver) else track
        if self._track is not None:
            self._track.attach(self)

    def push(self, feeder: object, payload: bytes, pt: int, step: int, marker: bool = False) -> None:
        pcm = self._decoder.decode(payload)
        for start in range(0, len(pcm) - FRAME + 1, FRAME):
            self._frames.append(np.array(pcm[start : start + FRAME], np.int16))

    def lent(self, feeder: object) -> None:
        """Sound that is decoded here is never handed to the forwarding loop."""

    def offer(self, feeder: object, codec: Codec) -> None:
        """See `lent`."""

    def next_picture(self) -> int:
        return 0  # only sound is asked for

    def pull(self) -> Pcm | None:
        if self._frames:
            return self._frames.popleft()
        return None if self._closed else QUIET

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._track is not None:
                self._track.detach(self)
