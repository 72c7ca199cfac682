"""DTMF as sound (ITU-T Q.23): the tones of a digit in a leg's codec, for those that know no other digits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from calling.media.codecs.audio_codecs import encoder
from calling.media.codecs.opus import Pcm
from calling.media.rtp.telephone_event import COMMA_MS, DIGIT_MS, GAP_MS, STEP_MS, WAIT_MS

ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
SIGNS = "123A456B789C*0#D"
LEVEL = 0.2  # of full scale, each of the two: -14 dBFS
RATES = {"opus": 48000, "g722": 16000}
RAMP_MS = 5


def tones(sign: str, rate: int) -> Pcm:
    """The samples of one digit: 100 ms of both its tones, with soft edges."""
    row, column = divmod(SIGNS.index(sign), 4)
    at = np.arange(rate * DIGIT_MS // 1000) / rate
    wave = LEVEL * (np.sin(2 * np.pi * ROWS[row] * at) + np.sin(2 * np.pi * COLUMNS[column] * at))
    edge = rate * RAMP_MS // 1000
    wave[:edge] *= np.linspace(0, 1, edge)
    wave[-edge:] *= np.linspace(1, 0, edge)
    pcm: Pcm = (wave * 32767).astype(np.int16)
    return pcm


@cache
def payloads(sign: str, codec: str) -> tuple[bytes, ...]:
    """The digit in 20 ms payloads of that codec (lower case name)."""
    rate = RATES.get(codec, 8000)
    own, pcm, frame = encoder(codec, rate), tones(sign, rate), rate // 50
    return tuple(own.encode(pcm[at : at + frame]) for at in range(0, len(pcm), frame))


def tone_packets(digits: str, codec: str) -> Iterator[bytes | None]:
    """What to send every 20 ms for `digits` (`0-9 A-D * #`, `w` half a second, `,` two): None is a pause."""
    for sign in digits.upper():
        if sign in ",W":
            yield from [None] * ((COMMA_MS if sign == "," else WAIT_MS) // STEP_MS)
        elif sign in SIGNS:
            yield from payloads(sign, codec)
            yield from [None] * (GAP_MS // STEP_MS)
