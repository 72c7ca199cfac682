"""When the packets of one transport came, and the feedback that tells its sender so (transport-cc). Pure.

What must not live here: where packets are noted, and when the feedback goes out (`transport_wide`).
"""

from __future__ import annotations

from typing import Final

from calling.media.rtp import transport_feedback

WAITING: Final = 1000  # packets that are told of at once; a device that sends more is flooding
MESSAGES: Final = 3  # in which they are told, at most
GAP: Final = 500  # numbers that are told to be missing; more are a jump


class Arrivals:
    """The packets that were not told of yet."""

    def __init__(self) -> None:
        self._came: dict[int, float] = {}
        self._top = 0  # the highest number, counted on beyond 16 bits
        self._next: int | None = None  # the number behind what was told last
        self._turn = 0

    def __bool__(self) -> bool:
        return bool(self._came)

    def note(self, number: int, now: float) -> None:
        """A packet of that transport-wide number came."""
        step = (number - self._top) & 0xFFFF
        whole = self._top + (step if step < 0x8000 else step - 0x10000)
        if len(self._came) < WAITING:
            self._came.setdefault(whole, now)
            self._top = max(self._top, whole)

    def told(self, sender: int, media: int) -> list[bytes]:
        """The messages (behind their first words) that tell of all since the last call, and of those that are
        missing between them."""
        left = sorted(self._came.items())
        self._came.clear()
        found: list[bytes] = []
        base = self._next
        while left and len(found) < MESSAGES:
            first = left[0][0]
            if base is None or not 0 <= first - base < GAP:  # the beginning, a late packet, a jump
                base = first
            message, used = transport_feedback.written(sender, media, self._turn, base, left)
            self._turn += 1
            found.append(message)
            base = left[used - 1][0] + 1
            left = left[used:]
        if base is not None:
            self._next = base if self._next is None else max(self._next, base)
        return found
