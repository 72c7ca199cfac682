"""What the SDK is told of a call: who is in it, who comes and goes, and why it is over. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from calling.signalwire.browser.rpc import NODE

if TYPE_CHECKING:
    from calling.machine.states import Settings
    from calling.sockets.participants import Participant, Participants

Message = dict[str, Any]
QUIETEST = -40.0  # dB
LAYOUT = "1x1"  # the one that rooms have: a screen that is shared, else who speaks
SETTINGS = {"hand_raised": "handraised"}  # fields of Settings that the SDK calls otherwise

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


def member(client_id: str, company: Participants, person: Participant, own: bool) -> Message:
    """A participant. The client's own goes by the id that the client gave its call."""
    return {
        "member_id": person.id,
        "call_id": client_id if own else person.call_id,
        "node_id": NODE,
        "room_session_id": company.session_id,
        "room_id": company.room_id,
        "name": person.name,
        "type": person.part or "member",
        "handraised": person.settings.hand_raised,
        "visible": person.shown,
        "audio_muted": "audio" in person.muted,
        "video_muted": "video" in person.muted,
        "deaf": person.deaf,
        "input_volume": percent_of(person.volume),
        "output_volume": person.settings.output_volume,
        "input_sensitivity": person.settings.input_sensitivity,
        "echo_cancellation": person.settings.echo_cancellation,
        "auto_gain": person.settings.auto_gain,
        "noise_suppression": person.settings.noise_suppression,
        "lowbitrate": False,
        "denoise": False,
        "talking": person.talking,
        "isAudience": False,
        "meta": {},
        "subscriber_id": person.subscriber_id,
        "address_id": person.address_id,
    }


def percent_of(decibels: float) -> int:
    """How loud in percent; at the quietest there is silence."""
    return 0 if decibels <= QUIETEST else round(100 * 10 ** (decibels / 20))


def decibels_of(percent: int) -> float:
    """The other way round: 100 percent is 0 dB, and 0 percent the quietest."""
    return QUIETEST if percent <= 0 else max(QUIETEST + 0.1, 20 * math.log10(percent / 100))


def joined(client_id: str, leg_id: str, company: Participants, capabilities: tuple[str, ...]) -> Message:
    """The parameters of `call.joined`, with everybody who is there."""
    return {
        "call_id": client_id,
        "origin_call_id": client_id,
        "node_id": NODE,
        "member_id": leg_id,
        "room_session_id": company.session_id,
        "room_id": company.room_id,
        "capabilities": list(capabilities),
        "room_session": room_session(client_id, leg_id, company),
    }


def updated(client_id: str, leg_id: str, company: Participants) -> Message:
    """The parameters of `room.updated` and `call.updated`: the room, or the call, as it now is."""
    return {
        "call_id": client_id,
        "room_id": company.room_id,
        "room_session_id": company.session_id,
        "room_session": room_session(client_id, leg_id, company),
    }


def room_session(client_id: str, leg_id: str, company: Participants) -> Message:
    return {
        "room_session_id": company.session_id,
        "room_id": company.room_id,
        "name": company.name,
        "display_name": company.name,
        "layout_name": LAYOUT if company.in_room else "",
        "event_channel": "",
        "recording": bool(company.recordings),
        "streaming": bool(company.streams),
        "prioritize_handraise": False,
        "hide_video_muted": False,
        "locked": company.locked,
        "meta": json.loads(company.meta),
        "members": [member(client_id, company, each, each.id == leg_id) for each in company.people],
        "recordings": [{"id": each, "state": "recording"} for each in company.recordings],
        "streams": [{"id": each, "state": "streaming"} for each in company.streams],
        "playbacks": [],
    }


def layout(client_id: str, company: Participants) -> Message:
    """The parameters of `layout.changed`: one picture, of whoever has the floor."""
    layer = {
        "layer_index": 0,
        "z_index": 0,
        "position": "auto",
        "reservation": "",
        "playing_file": False,
        "visible": True,
        "x": 0,
        "y": 0,
        "width": 100,
        "height": 100,
    }
    return {
        "call_id": client_id,
        "room_id": company.room_id,
        "room_session_id": company.session_id,
        "layout": {
            "id": LAYOUT,
            "name": LAYOUT,
            "room_id": company.room_id,
            "room_session_id": company.session_id,
            "layers": [layer],
        },
    }


def about(client_id: str, company: Participants, member: Message, **more: object) -> Message:
    """The parameters of `member.joined`, `member.updated`, `member.talking` and `member.left`."""
    return {
        "call_id": client_id,
        "room_id": company.room_id,
        "room_session_id": company.session_id,
        "member": member,
        **more,
    }


def changes(before: Participant, now: Participant) -> list[str]:
    """Names of a member's fields that are not what they were, but for `talking`."""
    names = [f"{kind}_muted" for kind in sorted(before.muted ^ now.muted)]
    pairs = {
        "deaf": (before.deaf, now.deaf),
        "visible": (before.shown, now.shown),
        "name": (before.name, now.name),
        "input_volume": (before.volume, now.volume),
        **{
            SETTINGS.get(each.name, each.name): (
                getattr(before.settings, each.name),
                getattr(now.settings, each.name),
            )
            for each in fields(now.settings)
            if each.name != "deaf"
        },
    }
    return names + [name for name, (was, is_) in pairs.items() if was != is_]


def media_params(client_id: str, settings: Settings) -> Message:
    """The parameters of `verto.mediaParams`: the client's own sound processing is to be like that."""
    audio = {
        "echoCancellation": settings.echo_cancellation,
        "autoGainControl": settings.auto_gain,
        "noiseSuppression": settings.noise_suppression,
    }
    return {"callID": client_id, "mediaParams": {"audio": audio}}
