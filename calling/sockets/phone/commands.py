"""From the type of a device's frame to its command. Blocking; runs in a thread.

Each command is a row of docs/contract.md#device-socket. Verbs are those of REST
(`calling.commands.call_commands`), so that rules are one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from calling import models
from calling.commands import call_commands, dial, merging, sharing
from calling.commands.params import InvalidParams, invalid
from calling.sockets import frames
from calling.sockets.frames import Frame
from calling.sockets.phone.translate import ClientView
from rest import errors
from tokens.signing import InvalidToken
from tokens.subjects import TokenHolder

log = logging.getLogger(__name__)
Verb = Callable[[TokenHolder, str, Any, str | None], str]


def transfer(holder: TokenHolder, call_id: str, fields: dict[str, Any], device_id: str | None) -> str:
    return call_commands.transfer(holder, call_id, fields, device_id, key="destination")


# Commands that are answered by the events they cause, or not at all where nothing changed.
VERBS: dict[str, Verb] = {
    "call.answer": call_commands.answer,
    "call.reject": call_commands.reject,
    "call.hangup": call_commands.hangup,
    "call.hold": call_commands.hold,
    "call.resume": call_commands.resume,
    "call.mute": call_commands.mute,
    "call.unmute": call_commands.unmute,
    "call.dtmf": call_commands.dtmf,
    "call.update": call_commands.update,
    "call.transfer": transfer,
    "call.transfer.complete": call_commands.complete_transfer,
    "call.transfer.cancel": call_commands.cancel_transfer,
    "call.merge": merging.merge,
    "call.raise_hand": merging.raise_hand,
    "ice.candidate": call_commands.candidate,
    "ice.done": call_commands.candidates_done,
}
GATHERS = frozenset({"call.answer", "call.update"})
MAKES = frozenset({"call.create", "call.consult", "call.share"})
CALLS_SOMEBODY = frozenset({"call.transfer"})
TRICKLES = frozenset({"ice.candidate", "ice.done"})


def make(holder: TokenHolder, frame: Frame, device_id: str) -> tuple[str, str]:
    """`call.create`, `call.consult` or `call.share`: (call id, leg id of this device)."""
    if frame.type == "call.share":
        sdp = frame.fields.get("sdp")
        return sharing.share(holder, required_call(frame), None, "screen", sdp, device_id)
    if frame.type == "call.create":
        row = dial.dial(holder, frame.fields, key="destination", device_id=device_id)
        call_id = str(row.id)
        if row.caller_leg is not None:
            return call_id, row.caller_leg
    else:
        call_id = call_commands.consult(
            holder, required_call(frame), frame.fields, device_id, key="destination"
        )
    leg = models.Leg.objects.filter(call_id=call_id, role="caller").values_list("id", flat=True).first()
    return call_id, str(leg)


def end_share(holder: TokenHolder, told: ClientView, device_id: str) -> None:
    """End a shared screen whose call this device has left."""
    call_commands.hangup(holder, told.call_id, {"leg": told.leg_id}, device_id)


def required_call(frame: Frame) -> str:
    if frame.call_id is None:
        raise invalid("call_id", "call_id is required.", "missing_required_parameter")
    return frame.call_id


def error_for(error: Exception, frame: Frame) -> dict[str, Any]:
    """The `error` message for whatever a command raised. A fault of ours is logged and told as one."""
    if isinstance(error, InvalidToken):
        return frames.error(error.code, error.message, frame.req_id, frame.call_id)
    if isinstance(error, InvalidParams):
        first = error.faults[0]
        words = " ".join(fault.message for fault in error.faults)
        return frames.error(first.code, words, frame.req_id, frame.call_id)
    found = errors.as_api_error(error)
    if found is None:
        log.error("A command of a device failed", exc_info=error, extra={"command": frame.type[:40]})
        found = errors.ApiError()
    message = frames.error(found.code, found.message, frame.req_id, frame.call_id)
    retry_after = found.headers.get("Retry-After")
    return message | ({"retry_after": int(retry_after)} if retry_after else {})
