"""What a device's frame asks for: from its type to the verb behind it. Blocking; runs in a thread.

Each command is a row of contract 6. Verbs are those of REST (`calling.verbs`), so that rules are one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from calling import models, verbs
from calling.fields import Invalid, invalid
from calling.signalling import frames
from calling.signalling.frames import Frame
from subscribers.http import problems
from tokens.authentication import InvalidToken
from tokens.subjects import TokenHolder

log = logging.getLogger(__name__)
Verb = Callable[[TokenHolder, str, Any, str | None], str]


def transfer(holder: TokenHolder, call_id: str, fields: Any, device_id: str | None) -> str:
    return verbs.transfer(holder, call_id, fields, device_id, key="destination")


# Commands that are answered by the events they cause, or not at all where nothing changed.
VERBS: dict[str, Verb] = {
    "call.answer": verbs.answer,
    "call.reject": verbs.reject,
    "call.hangup": verbs.hangup,
    "call.hold": verbs.hold,
    "call.resume": verbs.resume,
    "call.mute": verbs.mute,
    "call.unmute": verbs.unmute,
    "call.dtmf": verbs.dtmf,
    "call.update": verbs.update,
    "call.transfer": transfer,
    "call.transfer.complete": verbs.complete_transfer,
    "call.transfer.cancel": verbs.cancel_transfer,
    "ice.candidate": verbs.candidate,
    "ice.done": verbs.candidates_done,
}
GATHERS = frozenset({"call.answer", "call.update"})
MAKES = frozenset({"call.create", "call.consult"})
TRICKLES = frozenset({"ice.candidate", "ice.done"})


def make(holder: TokenHolder, frame: Frame, device_id: str) -> tuple[str, str]:
    """`call.create` or `call.consult`: (call id, leg id of this device)."""
    if frame.type == "call.create":
        call_id = str(verbs.dial(holder, frame.fields, key="destination", device_id=device_id))
    else:
        call_id = verbs.consult(holder, required_call(frame), frame.fields, device_id, key="destination")
    leg = models.Leg.objects.filter(call_id=call_id, role="caller").values_list("id", flat=True).first()
    return call_id, str(leg)


def required_call(frame: Frame) -> str:
    if frame.call_id is None:
        raise invalid("call_id", "call_id is required.", "missing_required_parameter")
    return frame.call_id


def error_for(error: Exception, frame: Frame) -> dict[str, Any]:
    """The `error` message for whatever a command raised. A fault of ours is logged and told as one."""
    if isinstance(error, InvalidToken):
        return frames.error(error.code, error.message, frame.req_id, frame.call_id)
    if isinstance(error, Invalid):
        first = error.faults[0]
        words = " ".join(fault.message for fault in error.faults)
        return frames.error(first.code, words, frame.req_id, frame.call_id)
    found = problems.as_api_error(error)
    if found is None:
        log.exception("A command of a device failed", exc_info=error, extra={"command": frame.type[:40]})
        found = problems.ApiError()
    message = frames.error(found.code, found.message, frame.req_id, frame.call_id)
    retry_after = found.headers.get("Retry-After")
    return message | ({"retry_after": int(retry_after)} if retry_after else {})
