"""The `data` of every event type, with an example of each: for the OpenAPI document, the AsyncAPI
document and the pages of the events. Pure. The shape around it is docs/contract.md#events.

A type that stands here alone, or in `calling.calls.event_types` alone, fails a test; so does an event of the
test suite that does not fit.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from calling.calls.event_types import TYPES

Schema = dict[str, Any]
ID: Final[Schema] = {"type": "string", "format": "uuid"}
LEG_ID: Final = "01a1fcbe-0edd-7a51-8a70-1f4c0c3ad0e2"
OTHER_ID: Final = "01a1fcbe-2b10-7c08-9d53-77f2a4d8b6c1"
CALL: Final[Schema] = {"$ref": "#/components/schemas/Call"}
ROOM: Final[Schema] = {"$ref": "#/components/schemas/EventRoom"}
MEMBER: Final[Schema] = {"$ref": "#/components/schemas/Member"}


class Field(NamedTuple):
    schema: Schema
    words: str
    example: object
    required: bool = True


def text(words: str, example: str, *, required: bool = True, null: bool = False) -> Field:
    return Field({"type": ["string", "null"] if null else "string"}, words, example, required)


def uuid(words: str, example: str = OTHER_ID, *, required: bool = True) -> Field:
    return Field(ID, words, example, required)


def whole(words: str, example: int, *, required: bool = True) -> Field:
    return Field({"type": "integer"}, words, example, required)


CODE = Field(
    {"type": ["integer", "null"]}, "the SIP status code, if the reason came over SIP", 486, required=False
)
REASON = text("why, as `end_reason` of a call", "hangup")
CAUSE = text("the detailed cause, as `end_cause` of a call", "normal", null=True)
CHANNELS = Field(
    {"type": "array", "items": {"enum": ["audio", "video"]}}, "the channels that changed", ["audio"]
)
TO = text("the destination, as it was dialled", "/private/carol")
FAILED = text("why it failed", "the file could not be read", required=False)
BY_LEG: Final = {"leg_id": uuid("the leg that did it, or that it happened to", LEG_ID)}
SUPERVISION: Final = {
    **BY_LEG,
    "supervising_call_id": uuid("the supervisor's own call"),
    "address": text("the supervisor", "/private/lead"),
    "mode": Field({"enum": ["listen", "whisper", "barge"]}, "what the supervisor may do", "whisper"),
    "supervised_leg_id": Field({**ID, "type": ["string", "null"]}, "who hears a whisper", LEG_ID),
    "by": text("who started it: an API key or a member of staff", "api", null=True),
}
OPERATION: Final = {
    "leg_id": uuid("the leg; absent if the operation covers the whole call", LEG_ID, required=False),
    "control_id": text("the name of the operation", "greeting"),
}
QUALITY: Final[Schema] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "leg_id": ID,
            "role": {"type": "string"},
            "codec": {"type": ["string", "null"]},
            **{
                name: {"type": ["number", "null"]}
                for name in ("seconds", "packets", "lost", "sent", "jitter_ms", "rtt_ms", "mos", "mos_least")
            },
        },
    },
}
HEARD: Final = {
    "leg_id": LEG_ID, "role": "callee", "codec": "opus", "seconds": 61.2, "packets": 3060, "lost": 2,
    "sent": 3058, "jitter_ms": 2.1, "rtt_ms": 24.0, "mos": 4.4, "mos_least": 4.1,
}  # fmt: skip
FIGURES: Final[Schema] = {"type": "object", "description": "codec, packets, loss, jitter and MOS"}
RESULT: Final[Schema] = {
    "type": "object",
    "properties": {
        "type": {"enum": ["digit", "no_input", "no_match", "stopped"]},
        "params": {
            "type": "object",
            "properties": {"digits": {"type": "string"}, "terminator": {"type": "string"}},
        },
    },
    "required": ["type"],
}

OPERATIONS: Final = ("play", "say", "record", "collect", "stream", "transcribe", "detect", "denoise", "relay")

OF_CALLS: Final[dict[str, dict[str, Field]]] = {
    "call.created": {},
    "call.ringing": BY_LEG,
    "call.answered": BY_LEG,
    "call.held": BY_LEG,
    "call.resumed": BY_LEG,
    "call.muted": {**BY_LEG, "channels": CHANNELS},
    "call.unmuted": {**BY_LEG, "channels": CHANNELS},
    "call.dtmf": {
        **BY_LEG,
        "digit": Field({"type": "string", "pattern": "^[0-9A-D*#]$"}, "one digit", "5"),
        "source": Field({"enum": ["media", "command"]}, "pressed, or sent by `dtmf`", "media"),
        "duration_ms": Field({"type": ["integer", "null"]}, "how long it was pressed", 120, required=False),
    },
    "call.consult_started": {**BY_LEG, "consult_call_id": uuid("the second call")},
    "call.transfer_requested": {**BY_LEG, "to": TO, "waiting_leg_id": uuid("who is to be connected", LEG_ID)},
    "call.transferred": {
        **BY_LEG,
        "to": TO,
        "target_leg_id": uuid("the new party; absent if the call moved", required=False),
        "new_call_id": uuid("the call that this leg moved to, after a consultation", required=False),
    },
    "call.transfer_failed": {
        **BY_LEG, "to": TO, "reason": text(REASON.words, "busy"), "cause": CAUSE,
        "target_leg_id": uuid("the leg that was not reached"), "sip_code": CODE,
    },
    "call.merged": {
        **BY_LEG,
        "merged_call_id": uuid("the call whose other party joined this one"),
        "target_leg_id": uuid("that party's leg"),
    },
    "call.user_event": {**BY_LEG, "event": Field({"type": "object"}, "what was sent", {"order": 7})},
    "call.expiring": {"seconds_left": whole("until the call reaches its `max_duration`", 60)},
    "call.ended": {
        "reason": REASON,
        "cause": CAUSE,
        "ended_by": Field(
            {"enum": ["caller", "callee", "target", "api", "platform", None]}, "who ended it", "callee"
        ),
        "sip_code": CODE,
        "sip_headers": Field({"type": "object"}, "its `X-` headers", {}, required=False),
        "quality": Field(QUALITY, "the audio quality of each leg over the whole call", [HEARD]),
    },
    "leg.ended": {**BY_LEG, "reason": REASON, "cause": CAUSE},
    "leg.connected": BY_LEG,
    "leg.media_lost": {
        **BY_LEG,
        "kind": Field({"type": ["string", "null"]}, "audio or video", "audio"),
        "reason": Field({"type": ["string", "null"]}, "consent, silence or codec", "silence"),
    },
    "leg.quality": {
        **BY_LEG,
        "audio": Field(FIGURES, "figures of the last seconds", {"codec": "opus", "mos": 2.9}, required=False),
        "video": Field(FIGURES, "figures of the last seconds", {"codec": "vp8"}, required=False),
    },
    "leg.supervising": SUPERVISION,
    "leg.supervising_ended": {
        **SUPERVISION,
        "reason": text(REASON.words, "hangup", null=True),
        "cause": CAUSE,
    },
}  # fmt: skip
BEGUN: Final[dict[str, dict[str, Field]]] = {
    "record": {
        "recording_id": uuid("for `GET /api/recordings/{id}`"),
        "format": Field({"enum": ["wav", "mp3", "ogg"]}, "the file's format", "wav", required=False),
        "channels": Field({"type": "integer"}, "2: caller left, callee right", 1, required=False),
    },
    "stream": {"stream_id": text("`streamSid` of the Media Streams protocol", "MZ01a1fcbe", required=False)},
    "relay": {
        "session_id": text("`sessionId` of the program's `setup`", "VX01a1fcbe", required=False),
        "model": text("`accurate` or `quick`", "accurate", required=False),
        "language": text("the language that it understands", "en-US", required=False),
    },
}
PRESSED: Final = (
    "what was entered: `type` is `digit` (with `params.digits`), `speech` (with `params.text` and "
    "`params.confidence`), `no_input`, `no_match` or `stopped`"
)
DONE: Final[dict[str, dict[str, Field]]] = {
    "play": {"reason": text("`stopped` if it did not play to the end", "stopped", required=False)},
    "say": {"reason": text("`stopped` if it did not speak to the end", "stopped", required=False)},
    "collect": {"result": Field(RESULT, PRESSED, {"type": "digit", "params": {"digits": "12"}}, False)},
    "record": {
        "recording_id": uuid("for `GET /api/recordings/{id}`", required=False),
        "reason": text("`stopped`, `terminator`, `max_length`, `leg_ended`, …", "stopped", required=False),
        "duration_ms": whole("the length of the file", 4820, required=False),
        "size": whole("bytes", 154284, required=False),
        "url": text("a signed download, valid for 5 minutes", "https://…/download?…", required=False),
    },
    "stream": {},
    "relay": {
        "reason": text("`ended`, `closed`, `stopped` or `leg_ended`", "ended", required=False),
        "handoff_data": text("of the program's `end`", '{"to": "sales"}', required=False),
        "session_id": text("`sessionId` of the program's `setup`", "VX01a1fcbe", required=False),
        "prompts": whole("the number of the caller's utterances", 4, required=False),
        "interrupts": whole("the number of the caller's interruptions", 1, required=False),
        "duration_ms": whole("from the beginning to the end", 48200, required=False),
    },
}
NUMBER: Final[Schema] = {"type": ["number", "null"]}
SPAN: Final = {
    "start_ms": Field(NUMBER, "since the operation began", 1240, required=False),
    "end_ms": Field(NUMBER, "since the operation began", 2980, required=False),
}
HEARD_TEXT: Final = {
    "text": text("what was said", "I would like to change my order."),
    "confidence": Field(NUMBER, "from 0 to 1", 0.94, required=False),
    **SPAN,
    "captions": Field(
        {"type": "boolean"}, "whether the devices in the call receive it", True, required=False
    ),
}
# Words of operations on speech.
OF_RECORDING: Final = {
    "recording_id": uuid(
        "for the transcript of a recording, which the recording then contains", required=False
    )
}
OF_SPEECH: Final[dict[str, dict[str, Field]]] = {
    "transcribe.failed": {"reason": FAILED, **OF_RECORDING},
    "transcribe.started": {
        **OF_RECORDING,
        "model": text("`accurate` or `quick`", "accurate", required=False),
        "language": text("its language", "en", required=False, null=True),
    },
    "transcribe.partial": HEARD_TEXT,
    "transcribe.final": HEARD_TEXT,
    "transcribe.finished": {
        **OF_RECORDING,
        "segments": Field(
            {}, "the number of final segments, or the segments of a recording", 12, required=False
        ),
        "text": text("the whole text", "I would like to change my order.", required=False, null=True),
        "dropped_ms": Field(NUMBER, "milliseconds of audio that were not transcribed", 0, required=False),
    },
    "detect.result": {
        "result": text("`person`, `machine`, `fax` or `silence`", "person"),
        "at_ms": Field(NUMBER, "since the operation began", 1800, required=False),
    },
    "detect.beep": {**SPAN, "hertz": Field(NUMBER, "its frequency", 1000, required=False)},
    "denoise.finished": {
        "denoised_ms": Field(NUMBER, "milliseconds of audio that were denoised", 61240, required=False),
        "passed_ms": Field(
            NUMBER,
            "milliseconds of audio that passed unchanged because the speech worker was late",
            0,
            required=False,
        ),
        "reason": text("`stopped` or `leg_ended`", "stopped", required=False),
    },
    "detect.finished": {
        "result": text("as in `detect.result`, or `unknown`", "person", required=False),
        "reason": text("`detected`, `beep`, `message_over`, `timeout`, …", "detected", required=False),
    },
}
ROOMS: Final[dict[str, dict[str, Field]]] = {
    name: {"room": Field(ROOM, "the room", {"id": OTHER_ID, "name": "standup"})} for name in TYPES
    if name.partition(".")[0] in ("room", "participant")
}  # fmt: skip
SEAT: Final = {
    "leg_id": LEG_ID, "call_id": OTHER_ID, "address": "/private/alice", "muted": False, "talking": False,
    "joined_at": "2026-11-21T06:14:40.120Z", "deaf": False, "volume": 0,
}  # fmt: skip
OF_PROJECTS: Final[dict[str, dict[str, Field]]] = {
    "webhook.disabled": {
        "webhook": Field(
            {
                "type": "object",
                "properties": {"id": ID, "url": {"type": "string"}},
                "required": ["id", "url"],
            },
            "the endpoint",
            {"id": OTHER_ID, "url": "https://example.com/hooks"},
        ),
        "reason": text("why", "It failed for five days."),
    },
    "project.suspended": {
        "project_id": uuid("the project"),
        "reason": text("why", "Too many refused calls."),
        "suspended_at": Field({"type": "string", "format": "date-time"}, "when", "2026-11-21T06:14:36.512Z"),
    },
    "alert.raised": {
        "alert_id": uuid("the alert"),
        "kind": Field(
            {"enum": ["webhook_failing", "worker_lost", "quality", "balance"]}, "its kind", "webhook_failing"
        ),
        "detail": Field({"type": "object"}, "what was found", {"failing": 1}),
    },
}


def fields_of(kind: str) -> dict[str, Field]:
    """What the data of a type holds besides `sequence` and, of calls and operations, `call`."""
    family, _, word = kind.partition(".")
    if kind in OF_CALLS:
        return OF_CALLS[kind]
    if kind in OF_PROJECTS:
        return OF_PROJECTS[kind]
    if family == "room":
        return ROOMS[kind]
    if family == "participant":
        return {**ROOMS[kind], "member": Field(MEMBER, "who", SEAT)}
    if not is_known(kind):
        return {}
    found = {**OPERATION, "verb": Field({"const": family}, "the operation", family)}
    if kind in OF_SPEECH:
        return {**found, **OF_SPEECH[kind]}
    match word:
        case "started":
            return {**found, **BEGUN.get(family, {})}
        case "finished":
            return {**found, **DONE.get(family, {})}
        case "failed":
            begun = {"recording_id": DONE["record"]["recording_id"]} if family == "record" else {}
            return {**found, "reason": FAILED, **begun}
        case _:
            return found


def is_known(kind: str) -> bool:
    """A type that nobody described is served as an object of anything; a test names it."""
    family = kind.partition(".")[0]
    return kind in OF_CALLS or kind in OF_PROJECTS or family in (*OPERATIONS, "room", "participant")


def has_call(kind: str) -> bool:
    family = kind.partition(".")[0]
    return family not in ("room", "participant") and kind not in OF_PROJECTS and is_known(kind)


def schema_of(kind: str) -> Schema:
    """JSON Schema of the data of a type."""
    fields = fields_of(kind)
    properties: dict[str, Any] = {}
    if kind not in OF_PROJECTS and is_known(kind):
        properties["sequence"] = {"type": "integer", "minimum": 1, "description": "from 1, without gaps"}
    if has_call(kind):
        properties["call"] = {**CALL, "description": "the call as it then was"}
    properties |= {name: {**each.schema, "description": each.words} for name, each in fields.items()}
    optional = {name for name, each in fields.items() if not each.required}
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": True}


def example_of(kind: str, call: dict[str, Any]) -> dict[str, Any]:
    """An event of that type, about that call."""
    numbered = {"sequence": 3} if kind not in OF_PROJECTS and is_known(kind) else {}
    about = {"call": call} if has_call(kind) else {}
    own = {name: each.example for name, each in fields_of(kind).items()}
    return {
        "id": "01a1fcbe-471e-7b0d-a2c4-90d5b1f3c6e8",
        "type": kind,
        "timestamp": "2026-11-21T06:14:45.371Z",
        "data": {**numbered, **about, **own},
    }
