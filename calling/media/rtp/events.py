"""What a media peer tells the session: typed, frozen, small. Pure: standard library only.

A signal is a fact that has happened. It carries no SDP, no address and no secret, so it may be logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Connected:
    """ICE and DTLS are done (again, after a restart): packets can flow both ways."""


@dataclass(frozen=True)
class PeerFailed:
    """The peer is over; the session should close it.

    reason: ice_timeout dtls_timeout dtls_failed fingerprint_mismatch consent_lost closed_by_peer crashed
    silence
    """

    reason: str


@dataclass(frozen=True)
class MediaLost:
    """Sound that should come does not: `no_first_rtp` (10 s after connecting) or `silence` (30 s)."""

    reason: str
    kind: str = "audio"


@dataclass(frozen=True)
class UndecodableVideo:
    """A picture comes for this leg in a format that it does not speak; said once per source."""


@dataclass(frozen=True)
class DigitReceived:
    """One RFC 4733 digit ended; its retransmissions are folded into this one signal."""

    digit: str
    duration_ms: int


@dataclass(frozen=True)
class Flood:
    """Packets come at over 20 times their codec's rate or from too many streams, or too much RTCP."""

    kind: str  # audio, video, control


@dataclass(frozen=True)
class Quality:
    """Figures of the last 5 seconds of one direction pair; `record` is JSON-ready, see stats.py."""

    record: dict[str, object] = field(default_factory=dict)
    bad: bool = False


Signal = Connected | PeerFailed | MediaLost | UndecodableVideo | DigitReceived | Flood | Quality
