"""What the link to one far end carries, by when the packets that were sent to it came there. Pure.

A small form of Google's congestion control (draft-ietf-rmcat-gcc-02, sections 5 and 6), at the sender.
Packets that come further and further apart than they were sent are queueing up: the slope of that delay over
the last groups of packets, against a threshold that adapts, tells so before anything is lost. Then the
estimate is 0.85 of what comes through; otherwise it grows, and never to more than half as much again as what
comes. Losses beyond a tenth lower it too. What must not live here: the messages, and what is sent less of
(`layer_choice`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

START: Final = 800_000.0  # bits per second
LEAST, CEILING = 50_000.0, 10_000_000.0
GROUP: Final = 0.005  # seconds in which packets that are sent count as one: a picture leaves in bursts
GROUPS: Final = 20  # of which the slope is taken
FEW: Final = 5  # groups that tell no slope yet
SMOOTH, GAIN, STEADY = 0.9, 4.0, 60  # of the delay; of its slope, with the number of groups up to this
THRESHOLD: Final = (0.006, 0.0125, 0.6)  # seconds: least, first, most
UP, DOWN = 8.7, 39.0  # how fast, per second, the threshold follows what is above and below it
OUTLIER: Final = 0.015  # seconds above the threshold that it does not follow
OVERUSED: Final = 0.010  # seconds for which the slope is too steep until it counts
DECREASE, AGAIN = 0.85, 0.3  # of what comes; seconds between two decreases
FIRST_GROWTH, GROWTH, NEAR_GROWTH = 1.25, 1.08, 1.03  # a second: until the link was full; then; near that
NEAR: Final = 0.15
MUCH_LOSS, SOME_LOSS, LOSS_SECONDS = 0.10, 0.02, 1.0
MANY: Final = 40  # packets of which a share is told
RATE_SECONDS: Final = 0.5  # over which what comes through is measured
MEASURED: Final = 2000  # packets of which it is at most: the far end's clock may stand still
IDLE: Final = 0.1  # seconds between two packets beyond which the link had nothing to carry
PROVEN: Final = 1.0  # seconds after a decrease from which what comes without trouble is carried at least
PAUSE: Final = 2.0  # seconds without a packet after which the delays begin anew


class Packet(NamedTuple):
    """came: by the clock of the far end, in seconds; None: it did not come. size in bytes."""

    sent: float
    came: float | None
    size: int


class _Group:
    """Packets that were sent at once: the first and last time of sending, the last of arrival."""

    __slots__ = ("came", "first", "sent")

    def __init__(self, packet: Packet, came: float) -> None:
        self.first = self.sent = packet.sent
        self.came = came


class DelayTrend:
    """Whether packets queue up, by the slope of their delay."""

    def __init__(self) -> None:
        self.queueing = self.draining = False
        self._threshold = THRESHOLD[1]
        self._group: _Group | None = None
        self._before: _Group | None = None
        self._forget()

    def _forget(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=GROUPS)
        self._delay = self._smooth = 0.0
        self._count = 0
        self._slope = self._steep = self._fresh = 0.0

    def add(self, packet: Packet, came: float) -> None:
        """A packet came; in the order of sending."""
        group = self._group
        if group is not None and abs(packet.sent - group.sent) > PAUSE:
            group = self._group = self._before = None
            self._forget()
        if group is None:
            self._group = _Group(packet, came)
        elif packet.sent - group.first <= GROUP:
            group.sent, group.came = max(group.sent, packet.sent), max(group.came, came)
        else:
            if self._before is not None:
                self._step(group, self._before)
            self._before, self._group = group, _Group(packet, came)

    def _step(self, group: _Group, before: _Group) -> None:
        took, apart = group.came - before.came, group.sent - before.sent
        if abs(took) > PAUSE or apart <= 0:
            self._forget()  # another clock
            return
        self._count += 1
        self._delay += took - apart
        self._smooth = SMOOTH * self._smooth + (1 - SMOOTH) * self._delay
        self._points.append((group.came, self._smooth))
        self._fresh += apart

    def judge(self) -> None:
        """All that was told of has been added: the slope is taken once, since it costs most."""
        apart, self._fresh = self._fresh, 0.0
        if len(self._points) < FEW or not apart:
            return
        before_slope, self._slope = self._slope, _slope(self._points)
        trend = min(self._count, STEADY) * self._slope * GAIN * 1e-3
        self._steep = self._steep + apart if trend > self._threshold else 0.0
        if self._steep > OVERUSED and self._slope >= before_slope:
            self.queueing = True
        elif trend <= self._threshold:
            self.queueing = False
        self.draining = trend < -self._threshold
        over = abs(trend) - self._threshold
        if over <= OUTLIER:
            follows = UP if over > 0 else DOWN
            self._threshold += follows * over * min(apart, 0.1)
        self._threshold = min(max(self._threshold, THRESHOLD[0]), THRESHOLD[2])


def _slope(points: Iterable[tuple[float, float]]) -> float:
    """Of the straight line that fits best."""
    xs, ys = zip(*points, strict=True)
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    wide = sum((each - x) ** 2 for each in xs)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / wide if wide else 0.0


class SendEstimate:
    """Of one transport. `bitrate`: bits per second; None until something was told."""

    def __init__(self) -> None:
        self.bitrate: float | None = None
        self.coming = 0.0  # bits per second that come through
        self._full_pace = 0.0  # the same while the link had something to carry: what it carries, if full
        self._trend = DelayTrend()
        self._came: deque[tuple[float, int, float]] = deque()  # when, size, idle seconds before it
        self._bytes, self._idle = 0, 0.0
        self._told: deque[tuple[float, int, int]] = deque()  # when, packets, lost
        self._full: float | None = None  # what came through when the link was full last
        self._at: float | None = None
        self._less_at = -math.inf

    def feedback(self, packets: Iterable[Packet], now: float) -> float:
        """The far end has told of these, in the order of sending; the estimate then."""
        count = lost = 0
        for packet in packets:
            count += 1
            if packet.came is None:
                lost += 1
            else:
                self._trend.add(packet, packet.came)
                self._count(packet.came, packet.size)
        self._trend.judge()
        self._told.append((now, count, lost))
        while now - self._told[0][0] > LOSS_SECONDS:
            self._told.popleft()
        since = min(now - self._at, 1.0) if self._at is not None else 0.0
        self._at = now
        self.bitrate = self._next(self.bitrate or START, since, now)
        return self.bitrate

    def _count(self, came: float, size: int) -> None:
        apart = came - self._came[-1][0] if self._came else 0.0
        if abs(apart) > PAUSE:
            self._came.clear()
            self._bytes, self._idle, apart = 0, 0.0, 0.0
        idle = max(0.0, apart - IDLE)
        self._came.append((came, size, idle))
        self._bytes, self._idle = self._bytes + size, self._idle + idle
        while came - self._came[0][0] > RATE_SECONDS or len(self._came) > MEASURED:
            _, gone, before = self._came.popleft()
            self._bytes, self._idle = self._bytes - gone, self._idle - before
        self.coming = 8.0 * self._bytes / RATE_SECONDS
        self._full_pace = 8.0 * self._bytes / max(IDLE, RATE_SECONDS - self._idle)

    def _loss(self) -> float:
        told = sum(count for _, count, _ in self._told)
        return sum(lost for _, _, lost in self._told) / told if told >= MANY else 0.0

    def _next(self, bitrate: float, since: float, now: float) -> float:
        loss = self._loss()
        if self._trend.queueing or loss > MUCH_LOSS:
            if now - self._less_at < AGAIN:
                return bitrate
            less = self._full_pace * DECREASE if self._trend.queueing else bitrate * (1 - loss / 2)
            self._full, self._less_at = self._full_pace, now
            self._told.clear()  # what was lost is answered
            return max(LEAST, min(bitrate, less))
        if self._trend.draining or loss > SOME_LOSS:
            return bitrate
        near = self._full is not None and abs(bitrate - self._full) < NEAR * self._full
        growth = FIRST_GROWTH if self._full is None else NEAR_GROWTH if near else GROWTH
        wanted = bitrate * float(growth**since)
        if now - self._less_at > PROVEN:
            wanted = max(wanted, self.coming)
        return max(bitrate, min(wanted, 1.5 * self.coming + 10_000, CEILING))
