"""Whether packets outside the order of their stream show that the source began anew. Pure.

RFC 3550 appendix A.1: after a jump, two packets in sequence are the new beginning. A step back of at most 100
may be mere reordering: those count as late until four came in a row with nothing else between them.
What must not live here: the counting of packets that are in order.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

AHEAD: Final = 3000  # MAX_DROPOUT: steps below it are ordinary loss
BEHIND: Final = 100  # MAX_MISORDER
FAR_RUN, NEAR_RUN = 2, 4


class Order(Enum):
    LATE = "late"  # an earlier packet of the same numbering
    SUSPECT = "suspect"  # not to be used: perhaps the first of a new numbering
    RESTART = "restart"  # the numbering begins anew with this packet


class Restarts:
    """What was seen outside the order of one stream."""

    __slots__ = ("_next", "_run", "_seen")

    def __init__(self) -> None:
        self._next = self._run = self._seen = -1

    def judge(self, step: int, sequence: int, seen: int) -> Order:
        """step: sequence - the highest so far, modulo 65536, AHEAD or more; seen: packets used until now."""
        near = step > 0xFFFF - BEHIND
        follows = sequence == self._next and seen == self._seen
        self._run = self._run + 1 if follows else 1
        if self._run >= (NEAR_RUN if near else FAR_RUN):
            self._next = -1
            return Order.RESTART
        self._next = (sequence + 1) & 0xFFFF
        self._seen = seen + 1 if near else seen  # late packets are used, suspects are not
        return Order.LATE if near else Order.SUSPECT
