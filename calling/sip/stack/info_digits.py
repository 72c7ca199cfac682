"""A key in the body of an INFO, in the spellings that phones and trunks use. Pure.

application/dtmf-relay (Cisco), application/dtmf, and audio/telephone-event, whose body is the payload of
RFC 4733. What must not live here: answering the INFO, and what becomes of the key.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

TYPES = ("application/dtmf-relay", "application/dtmf", "audio/telephone-event")
DEFAULT_MS = 160
LONGEST_MS = 10_000
CLOCK = 8  # samples per millisecond of a telephone-event, where nothing says otherwise
_EVENTS = "0123456789*#ABCD"  # by number, RFC 4733 3.2
FLASH = 16
_SIGNAL = re.compile(r"(?im)^\s*(?:signal|digit|event|d)\s*[=:]\s*(.*?)\s*$")
_DURATION = re.compile(r"(?im)^\s*duration\s*[=:]\s*\"?\s*(\d{1,6})")
_HEX = re.compile(r"(?:0x)?((?:[0-9A-Fa-f]{2}[ ]?){3}[0-9A-Fa-f]{2})\Z")


@dataclass(frozen=True)
class Key:
    """`digit`: one of 0-9 * # A-D, empty for a hook flash. `ended`: the mark of RFC 4733, None elsewhere."""

    digit: str
    duration_ms: int = DEFAULT_MS
    ended: bool | None = None


def read(kind: str, body: bytes) -> Key | None:
    """The key of a body of one of TYPES; None where it is none."""
    if kind == "audio/telephone-event" and len(body) == 4:
        return _payload(body)
    text = body[:400].decode("ascii", "replace").strip().strip("\x00").strip()
    if kind == "audio/telephone-event" and (found := _HEX.match(text)):
        return _payload(bytes.fromhex(found[1]))
    signal, length = _SIGNAL.search(text), _DURATION.search(text)
    digit = _digit(signal[1] if signal else text)
    if digit is None:
        return None
    return Key(digit, min(int(length[1]), LONGEST_MS) if length else DEFAULT_MS)


def _digit(text: str) -> str | None:
    """A key as itself or by its number, with or without quotes; "" for a flash."""
    plain = text.strip().strip("\"'").strip().upper()
    if len(plain) == 1 and plain in _EVENTS:
        return plain
    if plain in ("STAR", "POUND", "HASH"):
        return "*" if plain == "STAR" else "#"
    if plain.isascii() and plain.isdigit() and len(plain) == 2 and int(plain) <= FLASH:
        return (_EVENTS + " ")[int(plain)].strip()
    return "" if plain in ("FLASH", "HF", "!") else None


def _payload(data: bytes) -> Key | None:
    event, mark, duration = struct.unpack("!BBH", data)
    if event > FLASH:
        return None
    return Key((_EVENTS + " ")[event].strip(), min(duration // CLOCK, LONGEST_MS), bool(mark & 0x80))
