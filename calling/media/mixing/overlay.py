"""Several sounds at once for one listener: music under a prompt, a bot over music.

A producer like those in `sources`: every sound is heard through a loudspeaker, the sum is encoded once. Made
only while there are two or more; a single sound goes to its listener as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calling.media.codecs.opus import Pcm
from calling.media.mixing.decoded_source import QUIET, RATE, DecodedSource
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.source import Producer, Source
from calling.media.sources.producers import Player


class OverlayMix:
    """Plays the sum of its sources until `close`. The picture is that of the newest source with one."""

    def __init__(self) -> None:
        self._speakers: dict[int, tuple[Source, DecodedSource]] = {}
        self._player = Player(self._pull, RATE)

    def take(self, sources: Sequence[Source]) -> None:
        """From now on these; those that stay go on where they are."""
        wanted = {id(source): source for source in sources}
        for key in self._speakers.keys() - wanted.keys():
            self._speakers.pop(key)[1].close()
        for key, source in wanted.items():
            if key not in self._speakers:
                self._speakers[key] = (source, DecodedSource(source))

    def source(self, kind: str) -> RtpReceiver | Producer | None:
        if kind == "audio":
            return self._player.source(kind)
        shown = (source.source(kind) for source, _ in reversed(self._speakers.values()))
        return next((one for one in shown if one is not None), None)

    def _pull(self) -> Pcm:
        heard = [pcm for _, speaker in self._speakers.values() if (pcm := speaker.pull()) is not None]
        if not heard:
            return QUIET
        total = np.sum(np.stack(heard), axis=0, dtype=np.int32)
        return np.clip(total, -32768, 32767).astype(np.int16)

    def close(self) -> None:
        self.take(())
