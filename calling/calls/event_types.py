"""Every type of event of the log (docs/contract.md#events), and the patterns that can match one. Pure."""

from __future__ import annotations

from typing import Final

_WORDS: Final = {
    "call": (
        "created", "ringing", "answered", "held", "resumed", "muted", "unmuted", "dtmf", "consult_started",
        "transfer_requested", "transferred", "transfer_failed", "merged", "user_event", "expiring", "ended",
    ),
    "leg": ("ended", "connected", "media_lost", "quality", "supervising", "supervising_ended"),
    **dict.fromkeys(
        ("play", "say", "record", "collect", "stream"),
        ("started", "finished", "failed", "paused", "resumed"),
    ),
    "transcribe": ("started", "partial", "final", "finished", "failed"),
    "detect": ("started", "result", "beep", "finished", "failed"),
    "relay": ("started", "finished", "failed"),
    "denoise": ("started", "finished", "failed"),
    "room": ("started", "ended"),
    "participant": ("joined", "left", "talking", "muted", "unmuted"),
    "webhook": ("disabled",),
    "project": ("suspended",),
    "alert": ("raised",),
}  # fmt: skip

TYPES: Final = tuple(f"{family}.{word}" for family, words in _WORDS.items() for word in words)
PATTERNS: Final = ("*", *(f"{family}.*" for family in _WORDS), *TYPES)


def matched(pattern: str) -> tuple[str, ...]:
    """The types that a pattern with a star at its end covers."""
    return tuple(each for each in TYPES if each.startswith(pattern[:-1]))
