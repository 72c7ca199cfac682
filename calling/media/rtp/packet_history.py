"""The last packets of a stream, kept for those who lost one and ask for it again. Pure.

What must not live here: whether a packet may be sent again, and how it is rewritten for who asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# Packets that are kept: of each picture, and of sound once a listener has lost some. Powers of two.
PICTURES_KEPT: Final = 256
SOUND_KEPT: Final = 64


class PacketHistory(list[tuple[int, bytes] | None]):
    """(sequence number, packet) at the place `number & mask`.

    A list, so that the path of each packet writes into it without a call of Python.
    """

    __slots__ = ("mask",)

    def __init__(self, size: int) -> None:
        super().__init__([None] * size)
        self.mask = size - 1

    def packet(self, sequence: int) -> bytes | None:
        """The packet with that number if it is still there."""
        entry = self[sequence & self.mask]
        return entry[1] if entry is not None and entry[0] == sequence else None

    def keep(self, packets: Iterable[tuple[int, bytes]]) -> None:
        for packet in packets:
            self[packet[0] & self.mask] = packet

    def forget(self) -> None:
        """The numbers begin anew: none of them means a packet that is here."""
        self[:] = [None] * len(self)
