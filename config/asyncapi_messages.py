"""Every message of `/ws/phone` and `/ws/events`, for the AsyncAPI document: direction, fields, an example.

The rules of the messages are docs/contract.md#device-socket. A message that the sockets know and that is not
here, or the other way round, fails a test.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Schema = dict[str, Any]
CALL_ID = "01a1fcbe-0ee0-7e3b-929e-4e3b5fbd5bb2"
LEG_ID = "01a1fcbe-0edd-7a51-8a70-1f4c0c3ad0e2"
TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
UUID: Final[Schema] = {"type": "string", "format": "uuid"}
OBJECT: Final[Schema] = {"type": "object"}
REQ_ID: Final[Schema] = {"type": ["string", "integer", "null"], "description": "returned in the answer"}
SDP: Final[Schema] = {"type": "string", "maxLength": 65536, "description": "an SDP (RFC 8866)"}
MEDIA: Final[Schema] = {
    "type": "object",
    "properties": dict.fromkeys(("audio", "video", "receive_audio", "receive_video"), FLAG),
}
DIGITS: Final[Schema] = {"type": "string", "pattern": "^[0-9A-Da-d*#w,]{1,64}$"}
CHANNELS: Final[Schema] = {"type": "array", "items": {"enum": ["audio", "video"]}}
SERVERS: Final[Schema] = {
    "type": "array",
    "items": OBJECT,
    "description": "for RTCPeerConnection's iceServers",
}
TOKEN: Final[Schema] = {"type": "string", "description": "a subscriber access token"}
REFRESH: Final[Schema] = {
    "type": "string",
    "description": "in the first frame, instead of a token that may have expired; auth.ok has the new pair",
}
DEVICE: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 100,
    "description": "the device_id of an earlier auth.ok, your own UUID, or your own name, from which "
    "the platform derives a UUID",
}
BY: Final[Schema] = {"enum": ["local", "remote"]}


class Message(NamedTuple):
    """`fields` that end in `?` may be absent."""

    words: str
    fields: dict[str, Schema]
    example: dict[str, Any]


def of_call(words: str, **more: tuple[Schema, Any]) -> Message:
    """A message about one call; each of `more` is (schema, example); one named `…_OPT` may be absent."""
    fields = {"call_id": UUID} | {name.replace("_OPT", "?"): schema for name, (schema, _) in more.items()}
    return Message(
        words,
        fields,
        {"call_id": CALL_ID} | {name.replace("_OPT", ""): each for name, (_, each) in more.items()},
    )


ROOM_OF: Final[dict[str, Schema]] = {"room": TEXT}
MEMBER_OF: Final[dict[str, Schema]] = {"room": TEXT, "leg_id": UUID}
A_ROOM: Final = {"room": "standup"}
A_MEMBER: Final = {"room": "standup", "leg_id": LEG_ID}
CREATE: Final = {
    "destination": TEXT, "sdp": SDP, "media?": MEDIA, "caller_id?": TEXT, "caller_name?": TEXT,
    "sip_headers?": OBJECT, "metadata?": {}, "user_variables?": OBJECT,
}  # fmt: skip

# What a device sends on /ws/phone.
SENT: Final[dict[str, Message]] = {
    "auth": Message(
        "The first frame, within 5 s; on an open socket it renews the token.",
        {"token?": TOKEN, "refresh_token?": REFRESH, "device_id?": DEVICE},
        {"token": "eyJ0eXAiOiJTQVQi…"},
    ),
    "token.refresh": Message(
        "A new pair of tokens; each is valid once.", {"refresh_token": TEXT}, {"refresh_token": "eyJ…"}
    ),
    "ping": Message("Keeps the socket open.", {}, {}),
    "calls.list": Message("Lists this device's calls.", {}, {"req_id": "1"}),
    "call.create": Message(
        "Dials.", CREATE, {"req_id": "1", "destination": "/private/bob", "sdp": "v=0…"}
    ),
    "call.consult": Message(
        "Starts an attended transfer: a second call while the first is on hold.",
        {"call_id": UUID, "destination": TEXT, "sdp?": SDP, "media?": MEDIA},
        {"req_id": "2", "call_id": CALL_ID, "destination": "/private/carol"},
    ),
    "call.share": Message(
        "Shows a screen to the other party, or to the room: a call of its own, which call.hangup ends.",
        {"call_id": UUID, "sdp": SDP},
        {"req_id": "3", "call_id": CALL_ID, "sdp": "v=0…"},
    ),
    "call.answer": of_call("Answers a ringing call.", sdp=(SDP, "v=0…"), media_OPT=(MEDIA, {"audio": True})),
    "call.reject": of_call("Declines.", reason_OPT=({"enum": ["rejected", "busy"]}, "busy")),
    "call.hangup": of_call("Hangs up."),
    "call.hold": of_call("Puts the other party on hold."),
    "call.resume": of_call("Resumes the call."),
    "call.mute": of_call("Mutes this device.", channels_OPT=(CHANNELS, ["audio"])),
    "call.unmute": of_call("Unmutes this device.", channels_OPT=(CHANNELS, ["audio"])),
    "call.dtmf": of_call("Sends digits.", digits=(DIGITS, "12#")),
    "call.raise_hand": of_call("Raises or lowers the hand of this device.", raised_OPT=(FLAG, True)),
    "call.update": of_call("A new offer: new tracks, or an ICE restart.", sdp=(SDP, "v=0…")),
    "call.transfer": of_call("Blind transfer.", destination=(TEXT, "/private/carol")),
    "call.transfer.complete": of_call("Completes an attended transfer: connects the other two parties."),
    "call.transfer.cancel": of_call("Cancels an attended transfer."),
    "call.members": of_call("Subscribes to the members of this call's room."),
    "call.merge": of_call("Moves the other call's party into this one.", other_call_id=(UUID, CALL_ID)),
    "ice.candidate": Message(
        "An ICE candidate of the device.",
        {"candidate": TEXT, "call_id?": UUID, "sdp_mid?": {"type": ["string", "null"]},
         "sdp_m_line_index?": {"type": ["integer", "null"]}},
        {"call_id": CALL_ID, "candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host", "sdp_mid": "0"},
    ),
    "ice.done": Message("The device has no more ICE candidates.", {"call_id?": UUID}, {"call_id": CALL_ID}),
    "room.get": Message("Reads a room that this device may moderate.", ROOM_OF, A_ROOM),
    "room.lock": Message("Locks a room: nobody else can join.", ROOM_OF, A_ROOM),
    "room.unlock": Message("Unlocks a room.", ROOM_OF, A_ROOM),
    "room.end": Message("Ends a room: all members leave.", ROOM_OF, A_ROOM),
    "room.mute": Message("Mutes a member.", MEMBER_OF, A_MEMBER),
    "room.unmute": Message("Unmutes a member.", MEMBER_OF, A_MEMBER),
    "room.deafen": Message("Stops all audio to a member.", MEMBER_OF, A_MEMBER),
    "room.undeafen": Message("Lets a member hear again.", MEMBER_OF, A_MEMBER),
    "room.remove": Message("Removes a member.", MEMBER_OF, A_MEMBER),
    "room.volume": Message(
        "Sets a member's volume in dB.",
        {**MEMBER_OF, "volume": {"type": "number"}}, {**A_MEMBER, "volume": -6}
    ),
}  # fmt: skip

# What the platform sends on /ws/phone.
TOLD: Final[dict[str, Message]] = {
    "auth.ok": Message(
        "Signed in, renewed or refreshed.",
        {"device_id": UUID, "subscriber": OBJECT, "addresses": {"type": "array", "items": OBJECT},
         "ice_servers": SERVERS, "expires_at": {"type": "string", "format": "date-time"},
         "expires_in": {"type": "integer"}, "token?": TOKEN, "refresh_token?": TEXT},
        {"device_id": LEG_ID, "subscriber": {"address": "/private/alice"}, "addresses": [], "ice_servers": [],
         "expires_at": "2026-11-21T08:24:49Z", "expires_in": 7200},
    ),
    "token.expiring": Message(
        "The token expires within 60 s.", {"expires_in": {"type": "integer"}}, {"expires_in": 60}
    ),
    "pong": Message("Answers ping.", {}, {}),
    "error": Message(
        "A message was refused; the socket stays open.",
        {"code": TEXT, "message": TEXT, "call_id?": TEXT, "retry_after?": {"type": "integer"}},
        {"req_id": "2", "code": "invalid_sdp", "message": "sdp describes no audio and no video."},
    ),
    "calls": Message(
        "This device's calls; also sent when a device reconnects.",
        {"calls": {"type": "array", "items": {
            "type": "object",
            "properties": {"id": UUID, "from": TEXT, "to": TEXT,
                           "state": {"enum": ["active", "held", "ringing"]},
                           "direction": {"enum": ["inbound", "outbound"]}, "share": FLAG},
        }}},
        {"req_id": "1", "calls": [{"id": CALL_ID, "from": "/private/alice", "to": "/private/bob",
                                   "state": "active", "direction": "outbound"}]},
    ),
    "call.trying": of_call(
        "The call was created.", consult_of_OPT=(UUID, CALL_ID), share_of_OPT=(UUID, CALL_ID)
    ),
    "call.incoming": of_call(
        "An incoming call.", **{"from": (TEXT, "/private/alice")}, from_name=(TEXT, "Alice"),
        to=(TEXT, "/private/bob"),
        media=(MEDIA, {"audio": True, "video": False}), user_variables_OPT=(OBJECT, {"order": "7"}),
    ),
    "call.ringing": of_call("The other party is ringing."),
    "call.answered": of_call("The call was answered."),
    "call.ended": of_call(
        "The call has ended.", reason=(TEXT, "hangup"), cause=(TEXT, "normal"),
        sip_code_OPT=({"type": "integer"}, 486), sip_headers_OPT=(OBJECT, {}),
    ),
    "sdp.answer": of_call("The platform's answer to the latest offer.", sdp=(SDP, "v=0…")),
    "call.update": of_call(
        "Asks the device for a new offer within 5 s.",
        reason=({"enum": ["media_moved", "new_tracks"]}, "media_moved"),
        pictures_OPT=({"type": "integer", "description": "how many video sections the offer should have"}, 3),
    ),
    "call.held": of_call("On hold.", held_by=(BY, "remote")),
    "call.resumed": of_call("No longer on hold."),
    "call.muted": of_call("Muted.", channels=(CHANNELS, ["audio"]), by=(BY, "remote")),
    "call.unmuted": of_call("No longer muted.", channels=(CHANNELS, ["audio"]), by=(BY, "remote")),
    "call.dtmf": of_call("A digit was received or sent.", digit=(TEXT, "5"), by=(BY, "remote")),
    "call.caption": of_call(
        "What a party says, with `captions`; a final text replaces partial ones.",
        text=(TEXT, "I would like to change my order."), final=(FLAG, True), by=(BY, "remote"),
    ),
    "call.recording": of_call("Whether the call or its room is being recorded.", recording=(FLAG, True)),
    "call.user_event": of_call("An event that a back end sent to this leg.", event=(OBJECT, {"order": 7})),
    "call.transferring": of_call("The transfer has begun.", to=(TEXT, "/private/carol")),
    "call.transferred": of_call(
        "This device has left the call, or continues in `new_call_id`.",
        to_OPT=(TEXT, "/private/carol"), new_call_id_OPT=(UUID, CALL_ID),
    ),
    "call.transfer.failed": of_call(
        "The transfer failed; the call continues.", reason=(TEXT, "busy"), cause=(TEXT, "normal")
    ),
    "call.parties": of_call(
        "The call has other parties now.", **{"from": (TEXT, "/private/alice")}, from_name=(TEXT, "Alice"),
        to=(TEXT, "/private/carol"), to_name=(TEXT, "Carol"),
    ),
    "call.members": of_call(
        "The members of the call's room or conversation of three; empty if it is in neither.",
        room=({"type": ["string", "null"], "description": "null: a conversation of three"}, "Stand-up"),
        count=({"type": "integer", "description": "the number of all members; at most 50 are listed"}, 1),
        members=({"type": "array", "items": {
            "type": "object",
            "properties": {"leg_id": UUID, "address": TEXT, "name": TEXT, "muted": FLAG, "hand_raised": FLAG,
                           "sharing": FLAG, "you": FLAG},
        }}, [{"leg_id": LEG_ID, "address": "/private/bob", "name": "Bob", "muted": False,
              "hand_raised": False, "sharing": False, "you": False}]),
    ),
    "room": Message(
        "The state of a room, after a command.",
        {"name": TEXT, "state": {"enum": ["active", "idle"]}, "locked": FLAG,
         "members": {"type": "array", "items": OBJECT}},
        {"name": "standup", "state": "active", "locked": False, "members": []},
    ),
}  # fmt: skip

# /ws/events, besides the events.
FOLLOW: Final = Message(
    "The first frame, within 5 s. Without `after`, the stream starts with the next event.",
    {"project_id": UUID, "api_token": TEXT, "after?": TEXT, "types?": {"type": "array", "items": TEXT}},
    {"project_id": CALL_ID, "api_token": "PT…", "after": "41", "types": ["call.*"]},
)
