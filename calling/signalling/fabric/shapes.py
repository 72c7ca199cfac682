"""What the SDK is told of a call: who is in it, who comes and goes, and why it is over. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calling.signalling.fabric.rpc import NODE

if TYPE_CHECKING:
    from calling.signalling.company import Company, Person

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


def member(client_id: str, company: Company, person: Person, own: bool) -> Message:
    """A participant. The client's own goes by the id that the client gave its call."""
    return {
        "member_id": person.id,
        "call_id": client_id if own else person.call_id,
        "node_id": NODE,
        "room_session_id": company.session_id,
        "room_id": company.room_id,
        "name": person.name,
        "type": "member",
        "handraised": False,
        "visible": person.shown,
        "audio_muted": "audio" in person.muted,
        "video_muted": "video" in person.muted,
        "deaf": person.deaf,
        "input_volume": 0,
        "output_volume": 0,
        "input_sensitivity": 0,
        "echo_cancellation": True,
        "auto_gain": True,
        "noise_suppression": True,
        "lowbitrate": False,
        "denoise": False,
        "talking": person.talking,
        "isAudience": False,
        "meta": {},
        "subscriber_id": person.subscriber_id,
        "address_id": "",
    }


def joined(client_id: str, leg_id: str, company: Company) -> Message:
    """The parameters of `call.joined`, with everybody who is there."""
    return {
        "call_id": client_id,
        "origin_call_id": client_id,
        "node_id": NODE,
        "member_id": leg_id,
        "room_session_id": company.session_id,
        "room_id": company.room_id,
        "capabilities": ["self", "digit"],
        "room_session": {
            "room_session_id": company.session_id,
            "room_id": company.room_id,
            "name": company.name,
            "display_name": company.name,
            "layout_name": "",
            "event_channel": "",
            "recording": False,
            "streaming": False,
            "prioritize_handraise": False,
            "hide_video_muted": False,
            "locked": company.locked,
            "meta": {},
            "members": [member(client_id, company, each, each.id == leg_id) for each in company.people],
            "recordings": [],
            "streams": [],
            "playbacks": [],
        },
    }


def about(client_id: str, company: Company, member: Message, **more: Any) -> Message:
    """The parameters of `member.joined`, `member.updated`, `member.talking` and `member.left`."""
    return {
        "call_id": client_id,
        "room_id": company.room_id,
        "room_session_id": company.session_id,
        "member": member,
        **more,
    }


def changes(before: Person, now: Person) -> list[str]:
    """Names of a member's fields that are not what they were, but for `talking`."""
    names = [f"{kind}_muted" for kind in sorted(before.muted ^ now.muted)]
    names += ["deaf"] if before.deaf != now.deaf else []
    names += ["visible"] if before.shown != now.shown else []
    return names + (["name"] if before.name != now.name else [])
