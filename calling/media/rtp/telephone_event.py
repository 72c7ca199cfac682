"""RFC 4733 telephone events: noticing digits that come, and the packets of digits to be sent. Pure.

A digit comes as many packets with one timestamp, its end three times; it counts once. A digit whose
end packets were all lost counts when nothing came for 200 ms. Late packets are known by the timestamps of
the last digits, not by their order: a source's clock may jump back. A key that is held for longer than the
16 bits of a duration (1.4 s at 48 kHz) comes in segments (RFC 4733 section 2.5.1.3), and is one digit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import clock

SIGNS = "0123456789*#ABCD"
DIGIT_MS = 100
GAP_MS = 80
COMMA_MS = 2000
WAIT_MS = 500  # `w`
STEP_MS = 20
END_REPEATS = 3
REMEMBERED = 8  # digits whose late packets are known as such
LONGEST = 0xFFFF  # clock units of one segment
SEGMENT_SLACK = 0.1  # seconds by which the next one may begin earlier or later than where this one ends


class DigitListener:
    """Folds the packets of one source into digits; calls `on_digit(digit, duration_ms)` once each."""

    def __init__(self, on_digit: Callable[[str, int], None]) -> None:
        self._on_digit = on_digit
        self._timestamp: int | None = None
        self._earlier: deque[int] = deque(maxlen=REMEMBERED)
        self._sign = ""
        self._duration = 0
        self._past = 0  # that of the segments before
        self._clock = 8000
        self._done = True
        self._at = 0.0

    def packet(self, payload: bytes | memoryview, timestamp: int, rate: int) -> None:
        """payload: the 4 bytes event, end+volume, duration."""
        event, flags = payload[0], payload[1]
        duration = payload[2] << 8 | payload[3]
        if event >= len(SIGNS):
            return
        if timestamp != self._timestamp:
            if timestamp in self._earlier:
                return  # a late packet of an earlier digit
            goes_on = self._goes_on(SIGNS[event], timestamp, rate)
            if not goes_on:
                self._finish()
            if self._timestamp is not None:
                self._earlier.append(self._timestamp)
            self._past = self._past + LONGEST if goes_on else 0
            self._timestamp, self._sign, self._done = timestamp, SIGNS[event], False
            self._duration, self._clock = 0, rate
        self._at = clock.monotonic()
        if not self._done:
            self._duration = max(self._duration, duration)
            if flags & 0x80:
                self._finish()

    def _goes_on(self, sign: str, timestamp: int, rate: int) -> bool:
        """Whether a packet with another timestamp is of the next segment of a digit that has not ended."""
        if self._done or self._timestamp is None or sign != self._sign or self._duration < LONGEST // 2:
            return False
        behind = (timestamp - self._timestamp) & 0xFFFFFFFF
        return abs(behind - LONGEST) <= SEGMENT_SLACK * rate

    def expire(self) -> None:
        """Call now and then: ends a digit that went silent."""
        if not self._done and clock.monotonic() - self._at > 0.2:
            self._finish()

    def _finish(self) -> None:
        if not self._done:
            self._done = True
            self._on_digit(self._sign, round((self._past + self._duration) * 1000 / self._clock))


def seconds_of(digits: str) -> float:
    """How long it takes to send them."""
    waits = {",": COMMA_MS, "W": WAIT_MS}
    one = DIGIT_MS + END_REPEATS * STEP_MS + GAP_MS
    return sum(waits.get(sign, one) for sign in digits.upper()) / 1000


def event_packets(digits: str, clock: int) -> Iterator[tuple[bytes, int, bool] | None]:
    """What to send every 20 ms for `digits`: (payload, timestamp offset, marker), None for silence.

    digits: `0-9 A-D * #`, `w` half a second, `,` two seconds. The timestamp offset counts from the
    start in clock units and stays the same within a digit (RFC 4733 section 2.5.1).
    """
    at_ms = 0
    for sign in digits.upper():
        if sign in ",W":
            wait = COMMA_MS if sign == "," else WAIT_MS
            for _ in range(wait // STEP_MS):
                yield None
            at_ms += wait
            continue
        event = SIGNS.find(sign)
        if event < 0:
            continue
        offset = at_ms * clock // 1000
        steps = DIGIT_MS // STEP_MS
        for step in range(1, steps + 1):
            duration = step * STEP_MS * clock // 1000
            yield bytes((event, 10, duration >> 8, duration & 255)), offset, step == 1
        duration = DIGIT_MS * clock // 1000
        for _ in range(END_REPEATS):
            yield bytes((event, 0x8A, duration >> 8, duration & 255)), offset, False
        rest = GAP_MS // STEP_MS
        for _ in range(rest):
            yield None
        at_ms += DIGIT_MS + END_REPEATS * STEP_MS + GAP_MS
