"""`status_url`: the same facts in SignalWire's `calling.call.state` shape. No I/O."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from calling.calls.status_urls import StatusUrl

STATES = {
    "call.created": "created",
    "call.ringing": "ringing",
    "call.answered": "answered",
    "call.ended": "ended",
}
DEFAULT = ("ended",)
OPERATION_STATES = {"paused": "paused", "finished": "finished", "failed": "error"}
WORDS = {
    "play": "playing",
    "record": "recording",
    "collect": "collecting",
    "stream": "streaming",
    "transcribe": "transcribing",
    "detect": "detecting",
    "denoise": "denoising",
    "relay": "relaying",
    "tap": "tapping",
}
SAME = {"tap": "stream"}  # what a tap is among our operations
DETECTED = {  # type and event of SignalWire's `detect`
    "person": ("machine", "HUMAN"),
    "machine": ("machine", "MACHINE"),
    "silence": ("machine", "UNKNOWN"),
    "beep": ("machine", "READY"),
    "fax": ("fax", "CED"),
    "failed": ("machine", "error"),
}
TALKED = ("hangup", "transferred")  # how an answered leg ends
REASONS = {
    "hangup": "hangup",
    "cancelled": "cancel",
    "busy": "busy",
    "no-answer": "noAnswer",
    "rejected": "decline",
    "failed": "error",
    "transferred": "hangup",
}


def device_type(kind: str) -> str:
    return {"pstn": "phone", "sip": "sip"}.get(kind, "webrtc")


def callback_body(event: dict[str, Any], about: StatusUrl) -> str | None:
    """The body for one published event, or None where this status was not asked for.

    An answer of a joined party after the call's own answer is not a state of the call.
    """
    if about.scope == "operation":
        return operation_body(event, about)
    if about.scope != "call":
        return joined_body(event, about)
    state = STATES.get(event["type"])
    if state is None or state not in (about.states or DEFAULT):
        return None
    call = event["data"]["call"]
    if state == "answered" and any(
        leg["role"] == "target" and leg["id"] == event["data"].get("leg_id") for leg in call["legs"]
    ):
        return None
    params: dict[str, Any] = {
        "call_id": call["id"],
        "node_id": "callwright",
        "segment_id": call["id"],
        "call_state": state,
        "direction": "outbound",
        "device": {
            "type": device_type(call["kind"]),
            "params": {"from_number": call["from"], "to_number": call["to"]},
        },
    }
    if state == "ended":
        maximum = call["end_cause"] == "max_duration"
        params["end_reason"] = "max_duration" if maximum else REASONS.get(call["end_reason"] or "", "error")
        params["end_cause"] = call["end_cause"]
        params["duration_ms"] = call["duration_ms"]
    return envelope("calling.call.state", event, params)


def operation_body(event: dict[str, Any], about: StatusUrl) -> str | None:
    """The body for the status_url of one operation; None for any other event."""
    data, (kind, _, word) = event["data"], event["type"].partition(".")
    verb = about.verb
    if (kind, data.get("control_id")) != (SAME.get(verb, verb), about.ref) or verb not in WORDS:
        return None
    found = {key: value for key, value in data.items() if key not in ("sequence", "call", "leg_id", "verb")}
    state = OPERATION_STATES.get(word) or WORDS[verb]
    if verb == "record" and data.get("reason") == "no_input" and word == "finished":
        state = "no_input"
    params = {**found, "call_id": data["call"]["id"], "node_id": "callwright", "state": state}
    if verb == "detect":
        what, said = DETECTED.get(word if word != "result" else str(data.get("result")), ("machine", word))
        params["detect"] = {"type": what, "params": {"event": said}}
    return envelope(f"calling.call.{verb}", event, params)


def joined_body(event: dict[str, Any], about: StatusUrl) -> str | None:
    """The body about one leg that a script connected: about its bridge, or about its own states."""
    leg_id = about.ref
    call = event["data"]["call"]
    leg = next((each for each in call["legs"] if each["id"] == leg_id), None)
    ours = event["data"].get("leg_id") == leg_id
    over = (event["type"] == "leg.ended" and ours) or event["type"] == "call.ended"
    answered = event["type"] == "call.answered" and ours
    if leg is None or not (over or answered):
        return None
    reason = leg["end_reason"] or "hangup"
    device = {"type": "webrtc", "params": {"to_number": leg["address"]}}
    peer = {"call_id": leg_id, "node_id": "callwright", "device": device}
    params: dict[str, Any] = {"call_id": call["id"], "node_id": "callwright"}
    if about.scope == "connect":
        parted = "disconnected" if reason in TALKED else "failed"
        params |= {"connect_state": parted if over else "connected", "peer": peer}
        if over and parted == "failed":
            params["failed_reason"] = REASONS.get(reason, "error")
        return envelope("calling.call.connect", event, params)
    if about.scope == "refer":
        if over and reason in TALKED:
            return None  # it was taken there, and has talked since
        state = {"cancelled": "cancel", "busy": "busy", "no-answer": "noAnswer"}.get(reason, "error")
        params |= {"state": state if over else "success", "sip_refer_to": leg["address"]}
        return envelope("calling.call.refer", event, params)
    if ("ended" if over else "answered") not in about.states:
        return None
    params |= {"call_id": leg_id, "segment_id": leg_id, "call_state": "ended" if over else "answered"}
    params |= {"direction": "outbound", "device": device, "parent": {"call_id": call["id"]}}
    if over:
        params["end_reason"] = REASONS.get(reason, "error")
    return envelope("calling.call.state", event, params)


def envelope(kind: str, event: dict[str, Any], params: dict[str, Any]) -> str:
    call = event["data"]["call"]
    when = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
    body = {
        "event_type": kind,
        "event_channel": f"swml:{call['id']}",
        "timestamp": when.timestamp(),
        "project_id": call["project_id"],
        "space_id": call["project_id"],
        "params": params,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
