"""The voices of several parties for one listener: decoded, added, encoded once.

A producer like those in `sources`, made only where a listener hears more than one party of a call, as a
supervisor does. What the platform itself plays is `overlay`'s; rooms have a mixer of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from calling.media.codecs.opus import Pcm
from calling.media.codecs.track_reader import QUIET, RATE, TrackReader
from calling.media.rtp.media_port import MediaPort
from calling.media.sources.producers import Player


class VoiceMix:
    """Plays the sum of what some ports send until `close`."""

    def __init__(self) -> None:
        self._readers: dict[MediaPort, TrackReader] = {}
        self._player = Player(self._pull, RATE)

    def take(self, ports: Iterable[MediaPort]) -> None:
        """From now on these; those that stay go on where they are."""
        wanted = set(ports)
        for port in self._readers.keys() - wanted:
            port.audio_in.untap(self._readers.pop(port))
        for port in wanted - self._readers.keys():
            self._readers[port] = reader = TrackReader(RATE)
            port.audio_in.tap_later(reader)

    def source(self, kind: str) -> Player | None:
        return self._player.source(kind) if kind == "audio" else None

    def _pull(self) -> Pcm:
        heard = [reader.twenty() for reader in self._readers.values()]
        if not heard:
            return QUIET
        total = np.sum(np.stack(heard), axis=0, dtype=np.int32)
        return np.clip(total, -32768, 32767).astype(np.int16)

    def close(self) -> None:
        self.take(())
