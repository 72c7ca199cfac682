"""What the client's verto messages do: the same verbs as every edge. Blocking; runs in a thread.

Each takes the holder, the client's call and the message's fields; what it raises is told by `error_for`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from calling import dialling, models, store, verbs
from calling.fields import Invalid, invalid
from calling.machine.inputs import Refused
from calling.signalling.fabric import entry, rpc
from calling.signalling.fabric.rpc import Message, Request
from calling.signalling.fabric.translate import Told
from subscribers.http import problems
from tokens.authentication import InvalidToken
from tokens.subjects import TokenHolder

log = logging.getLogger(__name__)
MUTES = {"call.mute": verbs.mute, "call.unmute": verbs.unmute}
_UNCLEAN = re.compile(r"[^\x21-\x7e]")


def client_id_of(params: dict[str, Any], fields: dict[str, Any]) -> str:
    """The callID that a message is about: in `dialogParams`, beside it, or in the wrapper."""
    dialog = rpc.section(fields, "dialogParams")
    for value in (dialog.get("callID"), fields.get("callID"), params.get("callID")):
        if isinstance(value, str) and 0 < len(value) <= rpc.MAX_CALL_ID and not _UNCLEAN.search(value):
            return value
    raise invalid("callID", "callID is required.", "missing_required_parameter")


def destination_of(text: Any) -> Any:
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
    wanted = {"destination": destination_of(dialog.get("destination_number")), "sdp": fields.get("sdp")}
    if dialog.get("screenShare") or dialog.get("additionalDevice"):
        refuse_outside_rooms(holder, wanted["destination"])
    call_id = str(verbs.dial(holder, wanted, key="destination", device_id=device_id))
    leg = models.Leg.objects.filter(call_id=call_id, role="caller").values_list("id", flat=True).first()
    leg_id = str(leg)
    live = {each: name for each, name in names.items() if each != leg_id}
    entry.keep_names(device_id, live | {leg_id: client_id})
    return call_id, leg_id


def refuse_outside_rooms(holder: TokenHolder, destination: Any) -> None:
    """A shared screen or a further camera is one more member of a room; elsewhere it would ring anew."""
    if not isinstance(destination, str) or dialling.find(holder, destination).kind != "room":
        raise invalid("destination_number", "Screens and devices are shared in rooms only.", "not_supported")


def answer(holder: TokenHolder, device_id: str, told: Told, fields: dict[str, Any]) -> None:
    data = {"sdp": fields.get("sdp"), "leg": told.leg_id}
    verbs.answer(holder, told.call_id, data, device_id)


def bye(holder: TokenHolder, device_id: str, told: Told) -> None:
    """Hang up, give up, or decline: whatever leaves the call now."""
    verbs.hangup(holder, told.call_id, {"leg": told.leg_id}, device_id)


def digits(holder: TokenHolder, device_id: str, told: Told, fields: dict[str, Any]) -> None:
    if fields.get("dtmf") is not None:
        data = {"digits": fields["dtmf"], "leg": told.leg_id}
        verbs.dtmf(holder, told.call_id, data, device_id)


def hold(holder: TokenHolder, device_id: str, told: Told, held: bool) -> None:
    verb = verbs.hold if held else verbs.resume
    verb(holder, told.call_id, {"leg": told.leg_id}, device_id)


def transfer(holder: TokenHolder, device_id: str, told: Told, fields: dict[str, Any]) -> None:
    data = {"destination": destination_of(fields.get("destination")), "leg": told.leg_id}
    verbs.transfer(holder, told.call_id, data, device_id, key="destination")


def update(holder: TokenHolder, device_id: str, told: Told, fields: dict[str, Any]) -> int:
    """A fresh offer of the client; the serial under which the platform answers it."""
    verbs.update(holder, told.call_id, {"sdp": fields.get("sdp"), "leg": told.leg_id}, device_id)
    leg = store.snapshot(told.call_id).leg(told.leg_id)
    return leg.serial if leg is not None else 0


def meant(params: dict[str, Any], named: Callable[[str], Told | None]) -> Told | None:
    """The client's own call that a `call.*` request is about: `target`, `targets` or `self`."""
    own = rpc.section(params, "self")
    listed = params.get("targets")
    targets = listed if isinstance(listed, list) and listed else [params.get("target") or own]
    found: Told | None = None
    for target in targets:
        call_id = target.get("call_id") if isinstance(target, dict) else None
        found = named(call_id) if isinstance(call_id, str) else None
        if found is None and target is not own:
            raise invalid("target", "There is no such call.", "not_found")
        if found is not None and target.get("member_id") not in (None, "", found.leg_id):
            raise invalid("target", "A client acts for itself alone.", "not_permitted")
    return found


def set_mute(holder: TokenHolder, device_id: str, told: Told, request: Request) -> None:
    data = {"channels": request.params.get("channels", ["audio"]), "leg": told.leg_id}
    MUTES[request.method](holder, told.call_id, data, device_id)


def error_for(error: Exception, request: Request) -> Message:
    """How a refusal is told. Only a refused invitation may use a code that ends the client's call."""
    code = rpc.REFUSED if method_of(request) == "verto.invite" else rpc.INVALID
    if isinstance(error, InvalidToken):
        return rpc.error(request.id, code if code == rpc.REFUSED else rpc.NOT_AUTHENTICATED, error.message)
    if isinstance(error, Invalid):
        words = " ".join(fault.message for fault in error.faults)
        return rpc.error(request.id, code, words)
    if isinstance(error, Refused):
        return rpc.error(request.id, code, error.message)
    found = problems.as_api_error(error)
    if found is None:
        log.exception("A request of a client failed", exc_info=error, extra={"command": request.method[:40]})
        found = problems.ApiError()
    return rpc.error(request.id, code, found.message)


def method_of(request: Request) -> str:
    """The method inside the wrapper, or the request's own."""
    inner = rpc.section(request.params, "message").get("method")
    return inner if request.method == "webrtc.verto" and isinstance(inner, str) else request.method
