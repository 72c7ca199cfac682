"""Which packets of a stream are missing, and when each is asked for (generic NACK, RFC 4585). Pure.

What must not live here: the messages, and what is done with a packet that comes after all.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from calling.media.rtp.packet_history import PICTURES_KEPT

FOLLOWED: Final = 128  # packets that are followed at once
FIRST, MOST = 0.04, 0.2  # seconds until a lost packet is asked for again: 1.5 round trips
LIVES: Final = 0.5  # seconds in which what was asked for last may come, unlike a source that begins anew


class Limits(NamedTuple):
    """Up to where it is worth asking for what is missing."""

    gap: int  # packets from one that came to the next; more are a pause, or a job for a key frame
    age: int  # packets behind the newest one
    tries: int


# A lost packet of sound comes too late to be heard after 32 others, and as long a gap is a pause.
SOUND: Final = Limits(gap=32, age=32, tries=4)
PICTURES: Final = Limits(gap=FOLLOWED, age=PICTURES_KEPT, tries=10)


class Missing(dict[int, tuple[int, float]]):
    """Sequence number -> how often it was asked for, and when last.

    A dictionary, so that the path of each packet looks into it without a call of Python.
    """

    __slots__ = ("limits",)

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits

    def gap(self, sequence: int, step: int) -> bool:
        """Packet `sequence` came `step` numbers after the newest one. False: too far to ask for any."""
        if step > self.limits.gap:
            self.clear()
            return False
        for back in range(1, step):
            self[(sequence - back) & 0xFFFF] = (0, 0.0)
        while len(self) > FOLLOWED:
            del self[next(iter(self))]
        return True

    def due(self, newest: int, now: float, rtt: float) -> list[int]:
        """What to ask for now; it counts as asked for. What is too old or was asked for in vain is over."""
        wanted: list[int] = []
        pause = min(MOST, max(FIRST, 1.5 * rtt))
        _, age, most = self.limits
        for sequence, (tries, at) in list(self.items()):
            over = tries >= most and now - at >= LIVES
            if over or (newest - sequence) & 0xFFFF > age:
                del self[sequence]
            elif tries < most and now - at >= pause:
                self[sequence] = (tries + 1, now)
                wanted.append(sequence)
        return wanted
