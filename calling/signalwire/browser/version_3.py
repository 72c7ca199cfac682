"""What version 3 of the SDK must be told otherwise than version 4. Pure.

An answer has the sections of its offer in their order (RFC 3264 section 6). Version 3 offers the picture
before the sound for a shared screen, expects the sound first all the same, and exchanges the two itself. Its
`startScreenShare` resolves when a member joins whose `parent_id` is its own. Its volumes go from -50
(silence) over 0 (unchanged) to 50; those of version 4 from 0 to 100 percent, which is unchanged.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from calling.signalwire.browser import rpc
from calling.signalwire.browser.rpc import Message, Request

if TYPE_CHECKING:
    from calling.signalwire.browser.translate import ClientView

VOLUMES = ("input_volume", "output_volume")
_SECTION = re.compile(r"(?=^m=)", re.MULTILINE)


def audio_first(sdp: str) -> str:
    """An SDP whose one picture and one sound are exchanged where the picture comes first."""
    head, *sections = _SECTION.split(sdp)
    kinds = [section[2:7] for section in sections]
    return head + sections[1] + sections[0] if kinds == ["video", "audio"] else sdp


def fitted(event: Message) -> Message:
    """The event as version 3 takes it: the order of an answer, and volumes."""
    params = event["params"]
    inner = params["params"]
    if inner.get("method") != "verto.answer" or "sdp" not in inner["params"]:
        return dict(in_levels(event))
    answer = {**inner["params"], "sdp": audio_first(inner["params"]["sdp"])}
    return {**event, "params": {**params, "params": {**inner, "params": answer}}}


def in_percent(request: Request) -> Request:
    """A request for a volume as version 4 would make it; louder than unchanged is over 100 percent."""
    level = request.params.get("volume")
    if not isinstance(level, int | float) or isinstance(level, bool):
        return request
    return replace(request, params={**request.params, "volume": 100 + 2 * level})


def in_levels(value: Any) -> Any:
    """The same JSON, with the volumes of members as version 3 counts them."""
    if isinstance(value, list):
        return [in_levels(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: (each - 100) // 2 if name in VOLUMES and isinstance(each, int) else in_levels(each)
        for name, each in value.items()
    }


def part_joined(part: ClientView, whole: ClientView) -> Message:
    """The shared screen or further camera `part` of the call `whole` has begun."""
    here = whole.here
    member = {"id": part.leg_id, "parent_id": whole.leg_id, "call_id": part.client_id}
    room = {"room_id": here.room_id, "room_session_id": here.session_id} if here is not None else {}
    return rpc.event("video.member.joined", {"call_id": whole.client_id, **room, "member": member})
