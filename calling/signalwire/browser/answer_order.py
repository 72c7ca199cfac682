"""The order in which version 3 of the SDK takes the sections of an answer. Pure.

An answer has the sections of its offer in their order (RFC 3264 section 6). Version 3 offers the picture
before the sound for a shared screen, expects the sound first all the same, and exchanges the two itself.
"""

from __future__ import annotations

import re

from calling.signalwire.browser.rpc import Message

_SECTION = re.compile(r"(?=^m=)", re.MULTILINE)


def audio_first(sdp: str) -> str:
    """An SDP whose one picture and one sound are exchanged where the picture comes first."""
    head, *sections = _SECTION.split(sdp)
    kinds = [section[2:7] for section in sections]
    return head + sections[1] + sections[0] if kinds == ["video", "audio"] else sdp


def for_version_3(event: Message) -> Message:
    """The event, with the answer in it, if it brings one, in that order."""
    params = event["params"]
    inner = params["params"]
    if inner.get("method") != "verto.answer" or "sdp" not in inner["params"]:
        return event
    answer = {**inner["params"], "sdp": audio_first(inner["params"]["sdp"])}
    return {**event, "params": {**params, "params": {**inner, "params": answer}}}
