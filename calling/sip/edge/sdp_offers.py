"""Session descriptions as the edge sees them: of use or not, holds, and a trunk's own codec list. Pure.

The worker makes and answers descriptions; here they are only judged and narrowed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from calling.sdp import model, negotiation
from calling.sdp.validate import BadSdp

_STATIC = {"0": ("PCMU", "8000"), "8": ("PCMA", "8000"), "9": ("G722", "8000"), "13": ("CN", "8000")}
_ABOUT = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d{1,3}) ")


def fault_of(sdp: str) -> str | None:
    """Why an offer or answer over SIP is of no use, None if the platform can take part in some of it."""
    try:
        sections = model.of_phone(sdp).sections
    except BadSdp as error:
        return str(error)
    usable = any(negotiation.usable(section) for section in sections)
    return None if usable else "The sdp offers nothing that the platform speaks."


def direction_of(sdp: str) -> str:
    """The direction of the sound as its maker has it; an address of zeros is a hold (RFC 2543)."""
    try:
        sections = model.of_phone(sdp).sections
    except BadSdp:
        return "sendrecv"
    sound = next((each for each in sections if each.kind == "audio" and negotiation.usable(each)), None)
    if sound is None:
        return "sendrecv"
    if sound.host in ("0.0.0.0", "::") and not sound.ufrag:
        return "sendonly" if sound.direction in ("sendrecv", "sendonly") else "inactive"
    return sound.direction


def limited(sdp: str, codecs: Sequence[str], *, strictly: bool = False) -> str:
    """An offer with only these codecs (upper case names), in this order; unchanged where none would be left.

    Digits stay if a codec with their clock does, those of 8 kHz beside any.
    strictly: where none would be left, the section is closed.
    """
    if not codecs:
        return sdp
    head, *sections = re.split(r"(?m)^(?=m=)", sdp)
    return head + "".join(
        _narrowed(section, list(codecs), strictly) if section.startswith("m=audio ") else section
        for section in sections
    )


def _narrowed(section: str, codecs: list[str], strictly: bool) -> str:
    lines = section.split("\r\n")
    kind, port, profile, *formats = lines[0].split()
    known = dict(_STATIC)
    for number, name, clock in re.findall(r"(?m)^a=rtpmap:(\d{1,3}) ([^/\s]+)/(\d+)", section):
        known[number] = (name.upper(), clock)
    voices = [number for number in formats if known.get(number, ("",))[0] in codecs]
    voices.sort(key=lambda number: codecs.index(known[number][0]))
    if not voices and strictly:
        return "\r\n".join([" ".join([kind, "0", profile, *formats]), ""])
    if not voices:
        return section
    clocks = {known[number][1] for number in voices}
    events = [number for number in formats if known.get(number, ("", ""))[0] == "TELEPHONE-EVENT"]
    timed = [number for number in events if known[number][1] in clocks]
    kept = voices + (timed or [number for number in events if known[number][1] == "8000"])
    about = {number for number in formats if number not in kept}
    rest = [line for line in lines[1:] if not ((found := _ABOUT.match(line)) and found[1] in about)]
    return "\r\n".join([" ".join([kind, port, profile, *kept]), *rest])
