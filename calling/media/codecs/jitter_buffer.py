"""A jitter buffer for streams that are decoded: order, pace, loss, and a depth that follows them. Pure.

`put` takes payloads as they come; `pull` is called every 20 ms and says what to play: a payload, LOST
(conceal one frame) or WAIT (nothing yet: silence). It never holds more than MAX payloads.
"""

from __future__ import annotations

from typing import Final

from calling.media.codecs.order import AHEAD, Order, Restarts

MAX: Final = 50
SMALLEST, LARGEST = 2, 10  # frames of delay
CONCEALED = 5  # frames of a gap that are concealed; a wider one is skipped
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
        self._accepted = 0
        self._restarts = Restarts()
        self._suspect: tuple[int, bytes] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def put(self, sequence: int, payload: bytes) -> None:
        """A payload with its 16-bit sequence number, in any order."""
        number = self._extended(sequence)
        if self._next is not None:
            ahead = number - self._next
            if abs(ahead) > AHEAD or (ahead < 0 and not self._filling):
                if not self._began_anew(ahead, sequence, payload):
                    return
                number = self._extended(sequence)
        self._accepted += 1
        self._top = max(self._top, number)
        self._held[number] = payload
        while len(self._held) > MAX:
            del self._held[min(self._held)]
            self._next = min(self._held)

    def _extended(self, sequence: int) -> int:
        step = (sequence - self._top) & 0xFFFF
        if not self._held and self._next is None:
            self._top = sequence
            return sequence
        return self._top + (step if step < 0x8000 else step - 0x10000)

    def _began_anew(self, ahead: int, sequence: int, payload: bytes) -> bool:
        """A payload outside the order: whether the source's numbers begin anew with it (RFC 3550 A.1)."""
        found = self._restarts.judge(ahead & 0xFFFF, sequence, self._accepted)
        if found is Order.RESTART:
            suspect, self._suspect = self._suspect, None
            self.clear()
            self.depth = SMALLEST
            if suspect is not None and suspect[0] == (sequence - 1) & 0xFFFF:
                self.put(*suspect)
            return True
        self._suspect = (sequence, payload)
        if found is Order.LATE:
            self._accepted += 1
            self.late += 1
            self.depth = min(LARGEST, self.depth + 1)
            self._calm = 0
        return False

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
        first = min(self._held)
        if first - number > CONCEALED:
            self._next = first + 1
            self.played += 1
            return self._held.pop(first)
        self._next = number + 1
        self.lost += 1
        return LOST

    def following(self) -> bytes | None:
        """The payload that `pull` would give next, where it is there."""
        return self._held.get(self._next) if self._next is not None else None

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
