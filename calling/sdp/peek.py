"""What an SDP says can flow, and whether it is of use (RFC 8866, RFC 3264). Pure; the media gate reads it."""

from __future__ import annotations

from calling.machine.states import Media
from calling.sdp import model, negotiation
from calling.sdp.validate import BadSdp

DIRECTIONS = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}


def media_of_sdp(sdp: str) -> Media:
    """The media of an offer, from its maker's point of view: the union over what of it can be used."""
    flows = {"audio": [False, False], "video": [False, False]}
    for section in _usable(sdp):
        send, receive = DIRECTIONS[section.direction]
        flows[section.kind][0] |= send
        flows[section.kind][1] |= receive
    return Media(flows["audio"][0], flows["video"][0], flows["audio"][1], flows["video"][1])


def kinds_of_sdp(sdp: str) -> Media:
    """What may flow on a SIP leg: of each kind that its party describes, both ways.

    Which way is said anew by each description: who offers a call that is held resumes it with a later one.
    """
    kinds = {section.kind for section in _usable(sdp)}
    return Media("audio" in kinds, "video" in kinds, "audio" in kinds, "video" in kinds)


def _usable(sdp: str) -> list[model.Section]:
    try:
        return [section for section in model.of_phone(sdp).sections if negotiation.usable(section)]
    except BadSdp:
        return []


def intersect(offered: Media | None, wish: Media | None) -> Media:
    """`sdp` says what can flow; `media` narrows it."""
    if offered is None or wish is None:
        return offered or wish or Media()
    return Media(
        offered.audio and wish.audio,
        offered.video and wish.video,
        offered.receive_audio and wish.receive_audio,
        offered.receive_video and wish.receive_video,
    )


def sdp_fault(value: object) -> str | None:
    """Why the platform cannot talk with the maker of this description over WebRTC, or None.

    The media gate judges, as it will again in the worker: what passes here is not refused there.
    """
    if not isinstance(value, str) or not value:
        return "sdp must be text."
    try:
        sections = model.admitted(value).sections
    except BadSdp as error:
        return str(error)
    if not any(section.kind in ("audio", "video") and not section.rejected for section in sections):
        return "sdp describes no audio and no video."
    if not any(negotiation.usable(section) for section in sections):
        return "sdp lists no codec that the platform speaks: Opus, G.722, PCMU, PCMA, VP8 or H.264."
    return None
