"""How fast a picture source may send: what the platform tells it by REMB. Pure.

The source's own send times pass through to the viewers, so a viewer's estimate covers the whole path. It
counts only while it says less than what is being sent: an estimator that is not congested never says much
more than it sees, and would hold a young stream down for half a minute. The best viewer decides.
"""

from __future__ import annotations

from collections.abc import Iterable

START, FLOOR, CEILING = 800_000, 100_000, 2_500_000  # bits per second
CONGESTED = 1.05  # a viewer's estimate below this many times its stream's rate is a limit
GROWTH = 1.25  # per second without trouble
MUCH_LOSS, SOME_LOSS = 0.10, 0.02


class BitrateLimit:
    """One source's limit; call `update` once a second."""

    def __init__(self) -> None:
        self.limit = START
        self._begun = False

    def update(
        self, coming: float, loss: float, viewers: Iterable[tuple[int, float]], wide: bool = False
    ) -> int:
        """The new limit in bit/s. coming: what arrives; loss: 0-1 on the way in; viewers: (REMB, rate).

        wide: the source has feedback on each packet (transport-cc) and judges the way in itself, so that the
        viewers alone limit it.
        """
        free = [float(CEILING) if told > rate * CONGESTED else float(told) for told, rate in viewers]
        best = max(free, default=float(CEILING))
        if wide and not self._begun:
            self.limit = CEILING
        self._begun, loss = True, 0.0 if wide else loss
        wanted = self.limit * GROWTH if loss < SOME_LOSS else float(self.limit)
        if loss > MUCH_LOSS:
            wanted = min(self.limit, coming) * (1 - loss / 2)
        self.limit = round(max(FLOOR, min(wanted, best, CEILING)))
        return self.limit
