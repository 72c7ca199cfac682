"""How the media plane is set up: addresses, ports, deadlines. A value, made once per worker. Pure.

Nothing here reads a setting; `calling.media.session` makes it from the Django settings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class MediaConfig:
    """bind: address the sockets are bound to. advertised: the one in candidates and c= lines.

    ports: the first and last UDP port. loopback: whether remote candidates on loopback are used.
    prefer, prefer_video: the codecs listed first (`opus` or `PCMU`, `VP8` or `H264`). Times in seconds.
    """

    bind: str = "127.0.0.1"
    advertised: str = "127.0.0.1"
    ports: tuple[int, int] = (40000, 49999)
    loopback: bool = True
    prefer: str = "opus"
    prefer_video: str = "VP8"
    first_packet_seconds: float = 10.0
    silence_seconds: float = 30.0
    consent_seconds: float = 15.0
    stats_seconds: float = 5.0

    def first(self, kind: str) -> str:
        """The codec of that kind to be listed first."""
        return self.prefer_video if kind == "video" else self.prefer

    def preferring(self, codec: str) -> MediaConfig:
        """The same with that codec first among those of its kind."""
        if codec.lower() in ("vp8", "h264"):
            return replace(self, prefer_video=codec)
        return replace(self, prefer=codec)
