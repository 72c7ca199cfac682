"""How the media plane is set up: addresses, ports, deadlines. A value, made once per worker. Pure.

Nothing here reads a setting; `calling.media.session` makes it from the Django settings.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MediaConfig:
    """bind: address the sockets are bound to. advertised: the one in candidates and c= lines.

    ports: the first and last UDP port. loopback: whether remote candidates on loopback are used.
    prefer: the audio codec listed first (`opus` or `PCMU`). Times in seconds.
    """

    bind: str = "127.0.0.1"
    advertised: str = "127.0.0.1"
    ports: tuple[int, int] = (40000, 49999)
    loopback: bool = True
    prefer: str = "opus"
    first_packet_seconds: float = 10.0
    silence_seconds: float = 30.0
    consent_seconds: float = 15.0
    stats_seconds: float = 5.0
