"""Which quality of each picture a viewer gets: by what its link carries, and by the size of its tiles. Pure.

A device does not tell how large it shows a picture. Its pictures are taken to be tiles of one size in a
square grid over a stage of `STAGE` pixels. A link is taken to carry more from time to time, one step at a
time, until it says that it does not: an estimate of the far end never says much more than what it sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STAGE = 1280  # pixels
SHARES = ((1, 0.6), (0, 0.4))  # of a picture's rate up to that temporal layer, as browsers divide it
SHARP = 0.75  # a picture with that share of its tile's pixels is large enough
GUESSES = (150e3, 500e3, 1.5e6)  # bits per second of layers that were not measured yet, the smallest first
MARGIN = 1.1  # a better quality must leave that much room
START = 800e3  # bits per second to begin with
LEAST = 30e3
CONGESTED = 1.05  # an estimate below this many times of what is sent may be a limit
FALL = 0.97  # of the estimate before: it falls
STUCK_SECONDS, STUCK_SHARE, GROWS = 1.5, 0.9, 1.05  # an estimate far below what is sent that does not grow
MUCH_LOSS = 0.10
MUCH_MISSED = 0.2  # of the packets; a lost one may be asked for several times
MISSED_BELOW = 0.1  # the same while the estimate is far below what is sent
QUEUE = 0.3  # seconds that the round trip grows while packets queue up
# Less of both bears a low estimate out, for so many seconds.
SOME_LOSS, SOME_QUEUE, RECENT = 0.02, 0.08, 2.0
SETTLE = 1.5  # seconds after a step down in which loss and trips tell of what was before
STEP, GROWTH = 1.5, 1.4  # seconds between two steps up, and how many times as much is tried at least
HOLD_FIRST, HOLD_MOST = 3.0, 7.0  # seconds from congestion to the next try
TRIED = 4.0  # seconds after a step up in which congestion is due to it


@dataclass(frozen=True)
class Quality:
    """One layer. width: pixels, 0 where not known; rate: bits per second, 0 where not measured yet."""

    width: int = 0
    rate: float = 0.0


@dataclass(frozen=True)
class Picture:
    """One tile: its qualities, the smallest first, and the place of the one that is shown now."""

    qualities: tuple[Quality, ...]
    shown: int = 0

    def rate(self, place: int) -> float:
        return self.qualities[place].rate or GUESSES[min(place, len(GUESSES) - 1)]

    def largest(self, width: float) -> int:
        """The place of the smallest quality that fills a tile of that many pixels."""
        last = len(self.qualities) - 1
        for place, quality in enumerate(self.qualities):
            pixels = quality.width or STAGE >> (last - place)
            if pixels >= width * SHARP:
                return place
        return last


def tile_width(pictures: int) -> float:
    """Pixels of each of so many pictures on the stage."""
    return STAGE / math.ceil(math.sqrt(max(1, pictures)))


def choose(pictures: Sequence[Picture], budget: float) -> tuple[int, ...]:
    """The place of the quality of each. Everybody is seen before anybody is seen better, the first first."""
    width = tile_width(len(pictures))
    most = [picture.largest(width) for picture in pictures]
    chosen = [0] * len(pictures)
    left = budget - sum(picture.rate(0) for picture in pictures)
    raised = True
    while raised:
        raised = False
        for number, picture in enumerate(pictures):
            place = chosen[number] + 1
            if place > most[number]:
                continue
            more = picture.rate(place) - picture.rate(place - 1)
            if more * (MARGIN if place > picture.shown else 1.0) <= left:
                chosen[number], raised = place, True
                left -= more
    return tuple(chosen)


def thinned(pictures: Sequence[Picture], chosen: Sequence[int], budget: float) -> tuple[int | None, ...]:
    """The highest temporal layer that each is to be sent, where even the smallest qualities are too much;
    None for all layers. The last picture is thinned out first."""
    limits: list[int | None] = [None] * len(pictures)
    rates = [picture.rate(place) for picture, place in zip(pictures, chosen, strict=True)]
    over = sum(rates) - budget
    before = 1.0
    for limit, share in SHARES:
        for number in reversed(range(len(pictures))):
            if over <= 0 or chosen[number]:
                return tuple(limits)
            limits[number] = limit
            over -= rates[number] * (before - share)
        before = share
    return tuple(limits)


def next_step(pictures: Sequence[Picture], chosen: Sequence[int]) -> float | None:
    """Bits per second that the next better quality of one picture needs, None where there is none."""
    width = tile_width(len(pictures))
    now = sum(picture.rate(place) for picture, place in zip(pictures, chosen, strict=True))
    steps = [
        picture.rate(place + 1) - picture.rate(place)
        for picture, place in zip(pictures, chosen, strict=True)
        if place < picture.largest(width)
    ]
    return now + min(steps) * MARGIN * 1.01 if steps else None


class Link:
    """What the link of one viewer carries. `budget`: bits per second; `now` and other times in seconds."""

    def __init__(self, now: float) -> None:
        self.budget = START
        self._hold = HOLD_FIRST
        self._changed_at = now
        self._raised_at = self._congested_at = -math.inf
        self._estimate: float | None = None
        self._low: tuple[float, float] | None = None  # since when the estimate is far too low, and its value
        self._trouble_at = -math.inf  # packets were lost, or queued up
        self._trip: float | None = None
        self._least_trip = math.inf

    def estimated(self, bitrate: float, sent: float, now: float) -> bool:
        """The far end says what it takes (REMB) while it is sent `sent`; whether that is too much."""
        before, self._estimate = self._estimate, bitrate
        if before is not None and bitrate < before * FALL and bitrate < sent * CONGESTED:
            return self._congested(bitrate, now)
        if bitrate >= sent * STUCK_SHARE:
            self._low = None
        elif self._low is None or bitrate > self._low[1] * GROWS:
            self._low = now, bitrate
        elif now - self._low[0] >= STUCK_SECONDS and now - self._trouble_at < RECENT:
            return self._congested(bitrate, now)  # alone it tells only that it is slow to follow a step up
        return False

    def reported(self, lost: float, trip: float | None, sent: float, now: float) -> bool:
        """A receiver report: the share that was lost, and the round trip; whether it is too much."""
        before, self._trip = self._trip, trip
        if trip is not None:
            self._least_trip = min(trip, self._least_trip * 1.01)
        if lost > SOME_LOSS or (trip is not None and trip > self._least_trip + SOME_QUEUE):
            self._trouble_at = now
        if now - self._congested_at < SETTLE:
            return False
        queues = (
            trip is not None and trip > self._least_trip + QUEUE and (before is None or trip >= before * 0.95)
        )
        if lost <= MUCH_LOSS and not queues:
            return False
        limit = min(sent * (1 - lost), self._estimate or math.inf) if lost > MUCH_LOSS else sent * 0.7
        return self._congested(limit, now)

    def missed(self, share: float, sent: float, now: float) -> bool:
        """That share of the last packets was asked for again (NACK); whether it is too much."""
        if share > SOME_LOSS:
            self._trouble_at = now
        below = self._estimate is not None and self._estimate < sent * STUCK_SHARE
        if share <= (MISSED_BELOW if below else MUCH_MISSED) or now - self._congested_at < SETTLE:
            return False
        return self._congested(min(sent * (1 - min(share, 0.5)), self._estimate or math.inf), now)

    def _congested(self, limit: float, now: float) -> bool:
        again = now - self._raised_at < TRIED
        self._hold = min(HOLD_MOST, self._hold * 2) if again else HOLD_FIRST
        self.budget = max(LEAST, limit)
        self._changed_at = self._congested_at = now
        self._low = None
        return True

    def carries(self, sent: float, now: float) -> None:
        """So much is sent, and nothing was said against it."""
        if now - self._congested_at > SETTLE:
            self.budget = max(self.budget, sent * MARGIN)

    def probe(self, wanted: float | None, now: float) -> bool:
        """Try whether the link carries `wanted`, if it is time to; whether the budget has grown."""
        wait = self._hold if self._congested_at > self._raised_at else STEP
        if wanted is None or wanted <= self.budget or now - self._changed_at < wait:
            return False
        self.budget = max(wanted, self.budget * GROWTH)
        self._changed_at = self._raised_at = now
        return True
