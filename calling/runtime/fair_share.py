"""Who finds room where several projects want what one instance has: legs, and places of a media worker.

Pure. A project takes what is free, up to its share. The last tenth is for those that hold little: who holds
nothing gets of it, and who holds something only while that is an eighth of what is left (dynamic thresholds,
Choudhury and Hahne 1998). So however many projects take all they can, one that comes late finds room. Must
not live here: counting, and what is told to who is refused.
"""

from __future__ import annotations

from typing import Final

TENTH: Final = 10  # of all there is; it is kept
EIGHTH: Final = 8  # of what is left of that
SMALLEST: Final = 20  # below it a tenth is less than the two legs of a call


def holds_less(mine: int, total: int, projects: int) -> bool:
    """Whether `mine` of `total` that are held is less than an equal part; who holds nothing holds less.

    `projects`: how many hold something, the asker among them.
    """
    return mine * max(1, projects) < total or mine == 0


def reserved(capacity: int) -> int:
    """How many places are kept for those that hold little."""
    return capacity // TENTH if capacity >= SMALLEST else 0


def has_room(mine: int, fresh: int, total: int, capacity: int, share: int) -> bool:
    """Whether a project that holds `mine` of `total` places gets `fresh` more, while others are there.

    `share`: the percent of `capacity` that no project may pass.
    """
    if mine + fresh > max(1, capacity * share // 100):
        return False
    left = capacity - total - fresh
    return left >= reserved(capacity) or (left >= 0 and (mine == 0 or (mine + fresh) * EIGHTH <= left))
