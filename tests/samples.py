"""Which cases of the families marked `sample(count)` a run of `make test` takes. Knows nothing of pytest."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence


def left_out(cases: Sequence[tuple[str, int]], seed: int) -> set[int]:
    """The places, in `cases`, of those that are left to `make soak`.

    Each case is (its family's name, how many of that family are taken). The seed draws them for each family
    by its name, so a family that changes moves no other.
    """
    families: dict[str, list[int]] = defaultdict(list)
    for place, (name, _) in enumerate(cases):
        families[name].append(place)
    left: set[int] = set()
    for name, places in families.items():
        count = min(cases[places[0]][1], len(places))
        left |= set(places) - set(random.Random(f"{seed} {name}").sample(places, count))
    return left
