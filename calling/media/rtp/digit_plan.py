"""How digits reach a leg: as telephone events (RFC 4733) or as tones, by what was agreed on.

Tones are encoded in the codec of the leg (`dtmf_tones`). What must not live here: the leg's numbers and
timestamps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from calling.media.rtp.telephone_event import event_packets
from calling.sdp.negotiation import Transceiver

# 20 ms of a digit: an event's payload with its offset and marker, a payload of sound, or a pause
DigitStep: TypeAlias = tuple[bytes, int, bool] | bytes | None


def digit_way(line: Transceiver | None) -> str | None:
    """`events` or `tones`; None: nothing is sent there."""
    if line is None or not line.sends or not line.codecs:
        return None
    return "events" if line.events else "tones"


def event_clock(line: Transceiver | None) -> int | None:
    """The clock of events there: that of the preferred codec where it may be. None: there are none."""
    if line is None or not line.events:
        return None
    clock = line.codecs[0].clock if line.codecs else None
    return clock if clock in line.events else next(iter(line.events))


def digit_plan(line: Transceiver | None, digits: str) -> Iterator[DigitStep] | None:
    """The steps of `digits`, 20 ms each; None: no way."""
    clock = event_clock(line)
    if clock is not None:
        return event_packets(digits, clock)
    if line is None or digit_way(line) is None:
        return None
    from calling.media.rtp.dtmf_tones import tone_packets

    return tone_packets(digits, line.codecs[0].name.lower())
