"""What the SDK is told of a call: `call.joined`, its one member, and why a call is over. Pure."""

from __future__ import annotations

from typing import Any

from calling.machine.states import Leg
from calling.signalling.fabric.rpc import NODE

Message = dict[str, Any]

# Our reasons and causes in the words and numbers of Q.850, as SignalWire's servers say them.
CAUSES = {
    "hangup": ("NORMAL_CLEARING", "16"),
    "busy": ("USER_BUSY", "17"),
    "no-answer": ("NO_ANSWER", "19"),
    "rejected": ("CALL_REJECTED", "21"),
    "cancelled": ("ORIGINATOR_CANCEL", "487"),
    "failed": ("NORMAL_TEMPORARY_FAILURE", "41"),
    "transferred": ("BLIND_TRANSFER", "16"),
    "max_duration": ("ALLOTTED_TIMEOUT", "602"),
    "answered_elsewhere": ("LOSE_RACE", "502"),
}


def cause_of(reason: str | None, cause: str | None = None) -> Message:
    found = CAUSES.get(cause or "") or CAUSES.get(reason or "") or CAUSES["hangup"]
    return {"cause": found[0], "causeCode": found[1]}


def member(client_id: str, call_id: str, leg: Leg) -> Message:
    """The client itself, as a participant of its call."""
    return {
        "member_id": leg.id,
        "call_id": client_id,
        "node_id": NODE,
        "room_session_id": call_id,
        "room_id": call_id,
        "name": leg.name or leg.address,
        "type": "member",
        "handraised": False,
        "visible": leg.media.video,
        "audio_muted": "audio" in leg.muted,
        "video_muted": "video" in leg.muted,
        "deaf": False,
        "input_volume": 0,
        "output_volume": 0,
        "input_sensitivity": 0,
        "echo_cancellation": True,
        "auto_gain": True,
        "noise_suppression": True,
        "lowbitrate": False,
        "denoise": False,
        "talking": False,
        "isAudience": False,
        "meta": {},
        "subscriber_id": leg.subscriber_id or "",
        "address_id": "",
    }


def joined(client_id: str, call_id: str, leg: Leg, name: str) -> Message:
    """The parameters of `call.joined`."""
    return {
        "call_id": client_id,
        "origin_call_id": client_id,
        "node_id": NODE,
        "member_id": leg.id,
        "room_session_id": call_id,
        "room_id": call_id,
        "capabilities": ["self", "digit"],
        "room_session": {
            "room_session_id": call_id,
            "room_id": call_id,
            "name": name,
            "display_name": name,
            "layout_name": "",
            "event_channel": "",
            "recording": False,
            "streaming": False,
            "prioritize_handraise": False,
            "hide_video_muted": False,
            "locked": False,
            "meta": {},
            "members": [member(client_id, call_id, leg)],
            "recordings": [],
            "streams": [],
            "playbacks": [],
        },
    }


def updated(client_id: str, call_id: str, leg: Leg, names: list[str]) -> Message:
    """The parameters of `member.updated`."""
    return {
        "call_id": client_id,
        "room_id": call_id,
        "room_session_id": call_id,
        "member": member(client_id, call_id, leg) | {"updated": names},
    }
