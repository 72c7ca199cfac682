"""Whether a device sends sound discontinuously (DTX): nothing, or comfort noise, while nobody talks. Pure.

What must not live here: how long a device may be silent.
"""

from __future__ import annotations

from typing import Final

PAUSED: Final = 5  # packets a second: fewer is a pause between words


class Dtx:
    """`seen`: comfort noise (RFC 3389) came, or a pause in which nothing was lost."""

    __slots__ = ("_lost", "seen")

    def __init__(self) -> None:
        self.seen = False
        self._lost: int | None = None  # packets lost when the pause began that goes on now

    def forget_pause(self) -> None:
        """What begins now has nothing to do with what came before."""
        self._lost = None

    def on_second(self, rate: int, lost: int, begun: bool) -> None:
        """Once a second. rate: packets since the last time; lost: until now; begun: whether any came yet. A
        pause loses nothing."""
        if rate < PAUSED:
            if self._lost is None and begun:
                self._lost = lost
        elif self._lost is not None:
            self.seen = self.seen or lost == self._lost
            self._lost = None
