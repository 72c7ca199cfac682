"""Who gets the payloads of a leg beside those that it talks with: a recorder, a mixer, a collector.

Interfaces only. Who gets whole packets is a Sink (`receive_stream`).
"""

from __future__ import annotations

from typing import Protocol

from calling.media.rtp.forwarding import Rested
from calling.sdp.model import Codec


class Tap(Protocol):
    """Gets payloads: a recorder, a mixer, a collector. Must copy what it keeps."""

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        """level: RFC 6464 audio level in -dBov (0 loud, 127 silent), None if the device does not send it."""


class LaterTap(Tap, Protocol):
    """A tap that takes packets when it wants them: a little later does as well."""

    def add_keeper(self, keeper: Rested) -> None:
        """That stream's packets are kept for it from now on."""

    def drop_keeper(self, keeper: Rested) -> None:
        """They come at once again."""

    @property
    def keeps(self) -> int:
        """How many packets are to be kept for it, a power of two."""

    @property
    def wants(self) -> int:
        """How many of the last packets it would take now."""

    @property
    def takes_later(self) -> bool:
        """Whether packets may be kept for it now."""

    @property
    def by_level(self) -> bool:
        """Whether it must be told how loud they are before it takes them."""

    def kept(self, payload: memoryview, codec: Codec, sequence: int, level: int | None, at: float) -> None:
        """One packet of those that were kept; at: when it came. Other taps may have asked for it."""
