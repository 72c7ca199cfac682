"""Transport-wide numbers of what one leg is sent, and when each packet went, which its feedback is about.

Python's own form of `struct media_wide` (calling/media/loop), which is used where the forwarding loop sends
for the leg too. What must not live here: the feedback, and what follows from it.
"""

from __future__ import annotations

from typing import Final, Protocol

from calling.media.rtp.header import ROOM, add_extension, element, extension

KEPT: Final = 1024  # packets of which it is known when they went: about a second of the largest pictures


class WideNumbers(Protocol):
    """The numbers of one transport."""

    memory: object  # the struct, for the forwarding loop; None where it has none

    def went(self, view: memoryview, size: int, number: int, now: float) -> int:
        """Write the next number into a packet that goes out, as the extension of that id; its size then."""

    def take(self, number: int, *, forget: bool) -> tuple[float, int] | None:
        """(when, size) of the packet of that transport-wide number, None for one that is forgotten."""

    def came(self) -> list[tuple[int, float]]:
        """(number, when) of the packets that the forwarding loop has seen since the last call."""


class PythonNumbers:
    """See WideNumbers."""

    memory: object = None

    def __init__(self) -> None:
        self._next = 0
        self._sent: list[tuple[float, int]] = [(0.0, 0)] * KEPT

    def went(self, view: memoryview, size: int, number: int, now: float) -> int:
        if size < ROOM:
            size = add_extension(view, size, element(number, b"\0\0"))
        found = extension(view, size, number)
        if found is not None and len(found) == 2:
            own = self._next
            self._next = (own + 1) & 0xFFFF
            found[0], found[1] = own >> 8, own & 0xFF
            self._sent[own % KEPT] = now, size
        return size

    def take(self, number: int, *, forget: bool) -> tuple[float, int] | None:
        found, late = self._sent[number % KEPT], (self._next - 1 - number) & 0xFFFF
        if late >= KEPT or not found[1]:
            return None
        if forget:
            self._sent[number % KEPT] = 0.0, 0
        return found

    def came(self) -> list[tuple[int, float]]:
        return []
