"""A jitter buffer for streams that are decoded: order, pace, loss, and a depth that follows them. Pure.

`put` takes payloads as they come; `pull` is called every 20 ms and says what to play: a payload, LOST
(conceal one frame) or WAIT (nothing yet: silence). It never holds more than MAX payloads (R21).
"""

from __future__ import annotations

from typing import Final

MAX: Final = 50
SMALLEST, LARGEST = 2, 10  # frames of delay
CALM = 250  # pulls without trouble before the delay shrinks


class Lost:
    """One frame is missing."""


class Wait:
    """The stream has not begun, or ran dry."""


LOST: Final = Lost()
WAIT: Final = Wait()


class JitterBuffer:
    """One stream's payloads by sequence number."""

    def __init__(self, depth: int = SMALLEST) -> None:
        self.depth = depth
        self.late = self.lost = self.played = 0
        self._held: dict[int, bytes] = {}
        self._next: int | None = None
        self._top = 0
        self._filling = True
        self._calm = 0

    def __len__(self) -> int:
        return len(self._held)

    def put(self, sequence: int, payload: bytes) -> None:
        """A payload with its 16-bit sequence number, in any order."""
        number = self._extended(sequence)
        if self._next is not None and not self._filling and number < self._next:
            self.late += 1
            self.depth = min(LARGEST, self.depth + 1)
            self._calm = 0
            return
        if self._next is not None and abs(number - self._next) > 3000:
            self.clear()  # the source began anew
            number = self._extended(sequence)
        self._held[number] = payload
        while len(self._held) > MAX:
            del self._held[min(self._held)]
            self._next = min(self._held)

    def _extended(self, sequence: int) -> int:
        step = (sequence - self._top) & 0xFFFF
        number = self._top + (step if step < 0x8000 else step - 0x10000)
        if not self._held and self._next is None:
            number = sequence
        self._top = max(self._top, number) if self._next is not None or self._held else number
        return number

    def pull(self) -> bytes | Lost | Wait:
        """What to play for the next frame."""
        if self._filling:
            if len(self._held) < self.depth:
                return WAIT
            self._filling = False
            self._next = min(self._held)
        number = self._next
        if number is None:
            return WAIT
        payload = self._held.pop(number, None)
        if payload is not None:
            self._next = number + 1
            self.played += 1
            self._relax()
            return payload
        if not self._held:
            self._filling = True  # dry: wait until the depth is reached again
            self._next = number
            return WAIT
        self._next = number + 1
        self.lost += 1
        return LOST

    def _relax(self) -> None:
        """After a calm while play a little closer to the network again."""
        self._calm += 1
        if self._calm > CALM:
            self._calm = 0
            self.depth = max(SMALLEST, self.depth - 1)
        if len(self._held) > self.depth + 3:
            oldest = min(self._held)
            del self._held[oldest]
            self._next = oldest + 1

    def clear(self) -> None:
        """Forget everything, as at the start."""
        self._held.clear()
        self._next = None
        self._top = 0
        self._filling = True
