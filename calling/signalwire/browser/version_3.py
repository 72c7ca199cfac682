"""What version 3 of the SDK must be told otherwise than version 4. Pure.

An answer has the sections of its offer in their order (RFC 3264 section 6). Version 3 offers the picture
before the sound for a shared screen, expects the sound first all the same, and exchanges the two itself. Its
`startScreenShare` resolves when a member joins whose `parent_id` is its own.
"""

from __future__ import annotations

import re

from calling.signalwire.browser import rpc
from calling.signalwire.browser.rpc import Message
from calling.signalwire.browser.translate import ClientView

_SECTION = re.compile(r"(?=^m=)", re.MULTILINE)


def audio_first(sdp: str) -> str:
    """An SDP whose one picture and one sound are exchanged where the picture comes first."""
    head, *sections = _SECTION.split(sdp)
    kinds = [section[2:7] for section in sections]
    return head + sections[1] + sections[0] if kinds == ["video", "audio"] else sdp


def fitted(event: Message) -> Message:
    """The event, with the answer in it, if it brings one, in that order."""
    params = event["params"]
    inner = params["params"]
    if inner.get("method") != "verto.answer" or "sdp" not in inner["params"]:
        return event
    answer = {**inner["params"], "sdp": audio_first(inner["params"]["sdp"])}
    return {**event, "params": {**params, "params": {**inner, "params": answer}}}


def part_joined(part: ClientView, whole: ClientView) -> Message:
    """The shared screen or further camera `part` of the call `whole` has begun."""
    here = whole.here
    member = {"id": part.leg_id, "parent_id": whole.leg_id, "call_id": part.client_id}
    room = {"room_id": here.room_id, "room_session_id": here.session_id} if here is not None else {}
    return rpc.event("video.member.joined", {"call_id": whole.client_id, **room, "member": member})
