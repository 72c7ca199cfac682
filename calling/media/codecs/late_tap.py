"""What is common to taps of sound that take packets some ms later: who keeps them meanwhile, and how many.

rtp/tap.py's LaterTap, but for what becomes of a packet.
"""

from __future__ import annotations

from typing import Final, Protocol

KEEPS: Final = 64  # packets that may wait for a loop that is held up: more than a second


class Keeper(Protocol):
    """A stream whose packets are kept."""

    def drain(self) -> None:
        """Hand over those that were not yet."""


class LateTap:
    """A tap that takes packets when it calls `drain`."""

    takes_later, by_level = True, False
    keeps = wants = KEEPS

    def __init__(self) -> None:
        self.keepers: set[Keeper] = set()

    def add_keeper(self, keeper: Keeper) -> None:
        self.keepers.add(keeper)

    def drop_keeper(self, keeper: Keeper) -> None:
        self.keepers.discard(keeper)

    def drain(self) -> None:
        for keeper in self.keepers:
            keeper.drain()
