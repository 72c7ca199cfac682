"""What the client's verto messages do: the same verbs as every edge. Blocking; runs in a thread.

Each takes the holder, the client's call and the message's fields; what it raises is told by `error_for`.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import parse_qs

from calling import models
from calling.calls import queries
from calling.commands import call_commands, sharing
from calling.commands import dial as place_call
from calling.commands.params import MAX_VARIABLES, InvalidParams, invalid
from calling.machine.inputs import Refused
from calling.signalwire.browser import rpc, session_auth
from calling.signalwire.browser.rpc import Message, Request
from calling.signalwire.browser.translate import ClientView
from rest import errors
from tokens.signing import InvalidToken
from tokens.subjects import TokenHolder

log = logging.getLogger(__name__)
# What the SDK itself writes among the variables of the page.
SDK_VARIABLES = ("memberCallId", "memberId", "channel")
_UNCLEAN = re.compile(r"[^\x21-\x7e]")


def client_id_of(params: dict[str, Any], fields: dict[str, Any]) -> str:
    """The callID that a message is about: in `dialogParams`, beside it, or in the wrapper."""
    dialog = rpc.section(fields, "dialogParams")
    for value in (dialog.get("callID"), fields.get("callID"), params.get("callID")):
        if isinstance(value, str) and 0 < len(value) <= rpc.MAX_CALL_ID and not _UNCLEAN.search(value):
            return value
    raise invalid("callID", "callID is required.", "missing_required_parameter")


def destination_of(text: object) -> object:
    """The destination without the page's own query; `channel` is what the platform understands of it."""
    if not isinstance(text, str) or "?" not in text or not text.startswith("/"):
        return text
    path, _, query = text.partition("?")
    channel = parse_qs(query[:2000]).get("channel", [""])[0]
    return f"{path}?channel={channel}" if channel in ("audio", "video") else path


def dial(
    holder: TokenHolder, device_id: str, client_id: str, fields: dict[str, Any], names: dict[str, str]
) -> tuple[str, str]:
    """`verto.invite`: (call id, leg id)."""
    dialog = rpc.section(fields, "dialogParams")
    wanted = {
        "destination": destination_of(dialog.get("destination_number")),
        "sdp": fields.get("sdp"),
        "metadata": metadata_of(dialog),
    }
    call_id = str(place_call.dial(holder, wanted, key="destination", device_id=device_id).id)
    leg = models.Leg.objects.filter(call_id=call_id, role="caller").values_list("id", flat=True).first()
    keep_name(device_id, str(leg), client_id, names)
    return call_id, str(leg)


def keep_name(device_id: str, leg_id: str, client_id: str, names: dict[str, str]) -> None:
    live = {each: name for each, name in names.items() if each != leg_id}
    session_auth.keep_names(device_id, live | {leg_id: client_id})


def metadata_of(dialog: dict[str, Any]) -> dict[str, Any] | None:
    """The page's own variables, of any JSON, with the values of its destination's query.

    Without what the SDK adds. Raises InvalidParams for more than 20 of them.
    """
    given = rpc.section(dialog, "userVariables")
    target = dialog.get("destination_number")
    query = target.partition("?")[2][:2000] if isinstance(target, str) else ""
    pairs = {name: values[0] for name, values in parse_qs(query).items()}
    found = {name: value for name, value in {**pairs, **given}.items() if name not in SDK_VARIABLES}
    if len(found) > MAX_VARIABLES:
        raise invalid("userVariables", f"userVariables has at most {MAX_VARIABLES} entries.")
    return {"user_variables": found} if found else None


def part_of(dialog: dict[str, Any]) -> str | None:
    """Whether an invitation is of a shared screen or of a further device, and no call of its own."""
    if dialog.get("screenShare"):
        return "screen"
    return "device" if dialog.get("additionalDevice") else None


def share(
    holder: TokenHolder,
    device_id: str,
    client_id: str,
    main: ClientView,
    fields: dict[str, Any],
    names: dict[str, str],
) -> tuple[str, str]:
    """`verto.invite` of a shared screen or further device: (call id, leg id)."""
    part = part_of(rpc.section(fields, "dialogParams")) or "screen"
    found = sharing.share(holder, main.call_id, main.leg_id, part, fields.get("sdp"), device_id)
    keep_name(device_id, found[1], client_id, names)
    return found


def answer(holder: TokenHolder, device_id: str, told: ClientView, fields: dict[str, Any]) -> None:
    data = {"sdp": fields.get("sdp"), "leg": told.leg_id}
    call_commands.answer(holder, told.call_id, data, device_id)


def bye(holder: TokenHolder, device_id: str, told: ClientView) -> None:
    """Hang up, give up, or decline: whatever leaves the call now."""
    call_commands.hangup(holder, told.call_id, {"leg": told.leg_id}, device_id)


def digits(holder: TokenHolder, device_id: str, told: ClientView, fields: dict[str, Any]) -> None:
    if fields.get("dtmf") is None:
        raise invalid("dtmf", "verto.info carries only digits: dtmf is required.", "not_supported")
    data = {"digits": fields["dtmf"], "leg": told.leg_id}
    call_commands.dtmf(holder, told.call_id, data, device_id)


def hold(holder: TokenHolder, device_id: str, told: ClientView, held: bool) -> None:
    verb = call_commands.hold if held else call_commands.resume
    verb(holder, told.call_id, {"leg": told.leg_id}, device_id)


def transfer(holder: TokenHolder, device_id: str, told: ClientView, fields: dict[str, Any]) -> None:
    data = {"destination": destination_of(fields.get("destination")), "leg": told.leg_id}
    call_commands.transfer(holder, told.call_id, data, device_id, key="destination")


def update(holder: TokenHolder, device_id: str, told: ClientView, fields: dict[str, Any]) -> int:
    """A fresh offer of the client; the serial under which the platform answers it."""
    call_commands.update(holder, told.call_id, {"sdp": fields.get("sdp"), "leg": told.leg_id}, device_id)
    leg = queries.snapshot(told.call_id).leg(told.leg_id)
    return leg.serial if leg is not None else 0


def error_for(error: Exception, request: Request) -> Message:
    """How a refusal is told. Only a refused invitation may use a code that ends the client's call."""
    code = rpc.REFUSED if dials(request) else rpc.INVALID
    if isinstance(error, InvalidToken):
        return rpc.error(request.id, code if code == rpc.REFUSED else rpc.NOT_AUTHENTICATED, error.message)
    if isinstance(error, InvalidParams):
        words = " ".join(fault.message for fault in error.faults)
        return rpc.error(request.id, code, words)
    if isinstance(error, Refused):
        return rpc.error(request.id, code, error.message)
    found = errors.as_api_error(error)
    if found is None:
        log.error("A request of a client failed", exc_info=error, extra={"command": request.method[:40]})
        found = errors.ApiError()
    return rpc.error(request.id, code, found.message)


def dials(request: Request) -> bool:
    """Whether it invites to a call of its own; a refused screen must not end the call that it belongs to."""
    fields = rpc.section(rpc.section(request.params, "message"), "params")
    return method_of(request) == "verto.invite" and part_of(rpc.section(fields, "dialogParams")) is None


def method_of(request: Request) -> str:
    """The method inside the wrapper, or the request's own."""
    inner = rpc.section(request.params, "message").get("method")
    return inner if request.method == "webrtc.verto" and isinstance(inner, str) else request.method
