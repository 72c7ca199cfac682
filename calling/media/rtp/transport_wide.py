"""Transport-wide congestion control of one transport (transport-cc): when packets came is told to their
sender, and what is told of ours becomes an estimate of the link.

Agreed for pictures alone. What must not live here: the messages, what they tell of, and what the far end's
mean (`transport_feedback`, `arrivals`, `send_estimate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from calling.media.rtp import rtcp, transport_feedback
from calling.media.rtp.arrivals import Arrivals
from calling.media.rtp.header import extension
from calling.media.rtp.send_estimate import Packet, SendEstimate
from calling.media.rtp.timer_wheel import wheel
from calling.media.rtp.wide_numbers import WideNumbers
from calling.sdp.model import TRANSPORT_WIDE
from calling.sdp.negotiation import Transceiver

EVERY: Final = 0.07  # seconds between two messages: the wheel's steps make 0.075 of them
MOST: Final = 50  # messages a second that are taken
ALERT: Final = 2.0  # seconds after the last packet in which one more is awaited


class Told(Protocol):
    """The transport."""

    closed: bool

    def picture_ssrc(self) -> int:
        """One of the streams of pictures that come, 0 where none does."""

    def send_control(self, data: bytes) -> None: ...


class TransportWide:
    """Of one transport, on which a picture is or was agreed to be so."""

    def __init__(self, transport: Told, numbers: WideNumbers) -> None:
        self.numbers = numbers
        self.arrivals = Arrivals()
        self.estimate = SendEstimate()
        self._left = MOST  # messages of the far end that are taken within this second
        self._transport = transport
        self._ids: dict[int, int] = {}  # payload type -> number of the extension, of what comes
        self._speaker = 0
        self._told_at = self._came_at = 0.0
        self._wheel = wheel()

    def agree(self, lines: Sequence[Transceiver]) -> None:
        """Take the agreed lines."""
        agreed = [line for line in lines if TRANSPORT_WIDE in line.extensions]
        self._ids = {
            pt: line.extensions[TRANSPORT_WIDE]
            for line in agreed
            for pt in (*(codec.pt for codec in line.codecs), *line.rtx.values())
        }
        self._speaker = agreed[0].ssrc if agreed else 0

    def extension(self, pt: int) -> int:
        """The number of the extension in packets of that payload type, 0 where they have none."""
        return self._ids.get(pt, 0)

    def came(self, pt: int, view: memoryview, size: int, now: float) -> None:
        """Note an authentic packet."""
        number = self._ids.get(pt)
        found = extension(view, size, number) if number else None
        if found is not None and len(found) == 2:
            self.arrivals.note(found[0] << 8 | found[1], now)
            if now - self._came_at > ALERT:
                self._wheel.add_fast_tick(self)
            self._came_at = now

    def on_second(self, now: float) -> None:
        """What the forwarding loop has seen after a pause is told too."""
        self._left = MOST
        if now - self._came_at > ALERT and self._collected(now):
            self._wheel.add_fast_tick(self)

    def on_fast_tick(self, now: float) -> bool:
        if self._transport.closed:
            return False
        if now - self._told_at >= EVERY:
            self._told_at = now
            self._collected(now)
            self._tell()
        return now - self._came_at <= ALERT

    def feedback(self, body: bytes, now: float) -> float | None:
        """The far end tells when our packets came; what its link carries (bit/s), None where that is not
        known anew."""
        if not self._left:
            return None
        self._left -= 1
        told = transport_feedback.read(body)
        if told is None:
            return None
        packets = []
        for place, came in enumerate(told.came):
            found = self.numbers.take((told.base + place) & 0xFFFF, forget=came is not None)
            if found is not None:
                packets.append(Packet(found[0], came, found[1]))
        return self.estimate.feedback(packets, now) if packets else None

    def _collected(self, now: float) -> bool:
        """Take what the forwarding loop has seen; whether there was any."""
        found = self.numbers.came()
        for number, at in found:
            self.arrivals.note(number, at)
        if found:
            self._came_at = now
        return bool(found)

    def _tell(self) -> None:
        media = self._transport.picture_ssrc() if self.arrivals else 0
        if media:
            for message in self.arrivals.told(self._speaker, media):
                self._transport.send_control(rtcp.receiver_report(self._speaker, []) + rtcp.arrivals(message))
