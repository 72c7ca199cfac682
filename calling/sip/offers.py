"""Texts of session descriptions as the edge handles them: holds, places, and a trunk's own codec list. Pure.

The worker makes and reads descriptions; here they are only compared and narrowed. What must not live here:
negotiation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_STATIC = {"0": ("PCMU", "8000"), "8": ("PCMA", "8000"), "9": ("G722", "8000"), "13": ("CN", "8000")}
_ABOUT = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d{1,3}) ")


def place_of(sdp: str) -> tuple[str, ...]:
    """What must stay the same for an offer to be a mere hold or resume: the connection and audio lines."""
    lines = [line.strip() for line in sdp.splitlines()]
    places = {line for line in lines if line.startswith("c=") and not line.endswith(" 0.0.0.0")}
    return (*sorted(places), *(" ".join(line.split()[:2]) for line in lines if line.startswith("m=")))


def direction_of(sdp: str) -> str:
    """The direction of the first audio section as offered; an address of zeros is a hold (RFC 2543)."""
    found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", sdp, re.M)
    if re.search(r"^c=IN IP4 0\.0\.0\.0\s*$", sdp, re.M):
        return "sendonly"
    return found[1] if found else "sendrecv"


def mirrored(sdp: str, direction: str) -> str:
    """Our last description with the answer's direction, as a new version of its session (RFC 3264 8)."""
    answer = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(direction, direction)
    text = re.sub(r"^a=(sendrecv|sendonly|recvonly|inactive)(\r?)$", rf"a={answer}\2", sdp, flags=re.M)
    return re.sub(
        r"^(o=\S+ \S+ )(\d+)", lambda found: f"{found[1]}{int(found[2]) + 1}", text, count=1, flags=re.M
    )


def limited(sdp: str, codecs: Sequence[str]) -> str:
    """Our offer with only these codecs (upper case names), in this order; unchanged where none would be left.

    Digits stay if a codec with their clock does.
    """
    if not codecs:
        return sdp
    head, *sections = re.split(r"(?m)^(?=m=)", sdp)
    return head + "".join(
        _narrowed(section, list(codecs)) if section.startswith("m=audio ") else section
        for section in sections
    )


def _narrowed(section: str, codecs: list[str]) -> str:
    lines = section.split("\r\n")
    kind, port, profile, *formats = lines[0].split()
    known = dict(_STATIC)
    for number, name, clock in re.findall(r"(?m)^a=rtpmap:(\d{1,3}) ([^/\s]+)/(\d+)", section):
        known[number] = (name.upper(), clock)
    voices = [number for number in formats if known.get(number, ("",))[0] in codecs]
    voices.sort(key=lambda number: codecs.index(known[number][0]))
    if not voices:
        return section
    clocks = {known[number][1] for number in voices}
    events = [number for number in formats if known.get(number, ("", ""))[0] == "TELEPHONE-EVENT"]
    kept = voices + [number for number in events if known[number][1] in clocks]
    about = {number for number in formats if number not in kept}
    rest = [line for line in lines[1:] if not ((found := _ABOUT.match(line)) and found[1] in about)]
    return "\r\n".join([" ".join([kind, port, profile, *kept]), *rest])
