"""What the OpenAPI document says about bodies and answers. Only told: `calling.commands.params` does the
checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    inline_serializer,
)
from rest_framework import serializers as s

from calling.commands.operation_params import DIRECTIONS
from calling.commands.supervision import MODES
from rest import pagination
from rest.openapi import listed, shape


def text(
    *,
    allow_null: bool = False,
    min_length: int | None = None,
    max_length: int | None = None,
    help_text: str | None = None,
) -> s.CharField:
    return s.CharField(
        allow_null=allow_null, min_length=min_length, max_length=max_length, help_text=help_text
    )


def maybe(
    *, allow_null: bool = False, max_length: int | None = None, help_text: str | None = None
) -> s.CharField:
    return s.CharField(required=False, allow_null=allow_null, max_length=max_length, help_text=help_text)


Problem = shape(
    "Problem",
    type=text(),
    code=text(),
    message=text(),
    attribute=text(allow_null=True),
    url=text(),
    request_id=text(help_text="the X-Request-Id of the response"),
)
Errors = shape("Errors", errors=s.ListField(child=Problem))
ERRORS = {
    401: OpenApiResponse(Errors, "no or wrong credentials"),
    402: OpenApiResponse(Errors, "the balance does not cover it"),
    403: OpenApiResponse(Errors, "these credentials do not permit it"),
    404: OpenApiResponse(Errors, "it does not exist in this project"),
    409: OpenApiResponse(Errors, "not allowed in the present state, which the message names"),
    422: OpenApiResponse(Errors, "a field has a wrong value"),
    429: OpenApiResponse(Errors, "too many requests; see Retry-After"),
    503: OpenApiResponse(Errors, "a service is unavailable; see Retry-After"),
}

MediaWish = inline_serializer(
    "MediaWish",
    {name: s.BooleanField(required=False) for name in ("audio", "video", "receive_audio", "receive_video")},
    required=False,
    help_text="what a device with an SDP wants to send and receive; by default what the SDP offers",
)
LegMedia = shape(
    "LegMedia",
    state=s.ChoiceField(["new", "connecting", "connected", "failed", "closed"]),
    audio=text(help_text="sendrecv, sendonly, recvonly or inactive"),
    video=text(),
    codec=text(allow_null=True),
)
Leg = shape(
    "Leg",
    id=s.UUIDField(),
    role=s.ChoiceField(["caller", "callee", "target", "supervisor"]),
    address=text(),
    state=s.ChoiceField(["created", "ringing", "answered", "ended"]),
    held_by=text(allow_null=True, help_text="local, remote or null"),
    muted=s.ListField(child=text()),
    media=LegMedia,
    answer=maybe(allow_null=True, help_text="SDP; shown only to that leg"),
    end_reason=text(allow_null=True),
    end_cause=text(allow_null=True),
    mode=s.ChoiceField(MODES, required=False, help_text="only on a supervisor's leg"),
    supervised_leg_id=s.UUIDField(
        required=False, allow_null=True, help_text="on a supervisor's leg: the party that hears a whisper"
    ),
    supervising_call_id=s.UUIDField(
        required=False, help_text="on a supervisor's leg: the supervisor's own call"
    ),
)
Call = shape(
    "Call",
    id=s.UUIDField(),
    project_id=s.UUIDField(),
    state=s.ChoiceField(["created", "ringing", "answered", "ended"]),
    from_name=text(allow_null=True),
    to=text(),
    to_name=text(allow_null=True),
    kind=s.ChoiceField(["subscriber", "room", "script", "pstn", "sip"]),
    created_at=s.DateTimeField(),
    ringing_at=s.DateTimeField(allow_null=True),
    answered_at=s.DateTimeField(allow_null=True),
    ended_at=s.DateTimeField(allow_null=True),
    duration_ms=s.IntegerField(),
    end_reason=text(allow_null=True),
    end_cause=text(allow_null=True),
    ended_by=text(allow_null=True),
    sip_code=s.IntegerField(allow_null=True),
    sip_headers=s.DictField(child=text()),
    consult_of=s.UUIDField(allow_null=True),
    supervises=s.UUIDField(allow_null=True, help_text="on a supervisor's call: the supervised call"),
    diverted_from=text(allow_null=True),
    metadata=s.JSONField(help_text="an object, or null"),
    legs=s.ListField(child=Leg),
    **{"from": text(allow_null=True)},
)
Calls = listed("Calls", Call)
Event = shape(
    "Event", id=s.UUIDField(), type=text(), timestamp=s.DateTimeField(), data=s.DictField(child=s.JSONField())
)
Events = listed("Events", Event)
LogEntry = shape("LogEntry", cursor=text(), event=Event)
Log = listed("Log", LogEntry)

Dial = shape(
    "Dial",
    to=text(help_text="/public/x, /private/x, an extension, +E.164 or sip:user@host"),
    sdp=maybe(help_text="the device's offer; required with a token"),
    media=MediaWish,
    script=s.DictField(
        required=False, help_text="SWML; an API key sends exactly one of script, script_url and connect"
    ),
    script_url=maybe(),
    connect=maybe(),
    caller_id=maybe(),
    timeout=s.IntegerField(required=False, min_value=1, max_value=600),
    max_duration=s.IntegerField(required=False, min_value=1, max_value=86400),
    sip_headers=s.DictField(child=text(), required=False),
    status_url=maybe(),
    status_events=s.ListField(child=text(), required=False),
    metadata=s.JSONField(required=False),
    caller_name=maybe(max_length=100, help_text="shown if the directory has no name for the caller"),
    user_variables=s.DictField(
        child=text(),
        required=False,
        help_text="at most 20; shown in call.incoming and metadata.user_variables",
    ),
    machine_detection=s.JSONField(
        required=False, help_text="true, detect, detect_message_end, or an object of mode and detect's fields"
    ),
    **{"from": maybe()},
)
LEG_HELP = "a leg's id, caller, callee or target; only from an API key"
OfLeg = shape("OfLeg", leg=maybe(help_text=LEG_HELP))
Answer = shape(
    "Answer",
    leg=maybe(help_text=LEG_HELP),
    sdp=maybe(),
    media=MediaWish,
    script=s.DictField(required=False),
    script_url=maybe(),
)
Reject = shape(
    "Reject", leg=maybe(help_text=LEG_HELP), reason=s.ChoiceField(["rejected", "busy"], required=False)
)
Channels = shape(
    "Channels",
    leg=maybe(help_text=LEG_HELP),
    channels=s.ListField(child=s.ChoiceField(["audio", "video"]), required=False),
)
Digits = shape("Digits", leg=maybe(help_text=LEG_HELP), digits=text(help_text="1 to 64 of 0-9 A-D * # w ,"))
Transfer = shape("Transfer", leg=maybe(help_text=LEG_HELP), to=text())
Consult = shape("Consult", leg=maybe(help_text=LEG_HELP), to=text(), sdp=maybe(), media=MediaWish)
SUPERVISED_HELP = "a leg's id, caller, callee or target: the party that hears a whisper"
Listen = shape(
    "Listen",
    sdp=maybe(help_text="the supervisor's offer; exactly one of sdp and to"),
    to=maybe(help_text="a subscriber, a phone number or sip:user@host to ring"),
    mode=s.ChoiceField(MODES, required=False, help_text="default: listen"),
    leg=maybe(help_text=SUPERVISED_HELP),
    timeout=s.IntegerField(required=False, min_value=1, max_value=600, help_text="seconds to ring"),
)
Supervise = shape("Supervise", mode=s.ChoiceField(MODES), leg=maybe(help_text=SUPERVISED_HELP))
OPERATION: dict[str, Any] = {
    "leg": maybe(help_text=LEG_HELP),
    "control_id": maybe(max_length=100, help_text="your own name for the operation; generated if omitted"),
}
LOUDNESS: dict[str, Any] = {
    "volume": s.FloatField(required=False, min_value=-40, max_value=40, help_text="dB"),
    "loop": s.IntegerField(required=False, min_value=0, max_value=1000, help_text="0: forever"),
}
DIRECTION: dict[str, Any] = {"direction": s.ChoiceField(DIRECTIONS, required=False)}
SPEECH: dict[str, Any] = {
    "language": maybe(max_length=35, help_text="such as en-US; the instance must be able to speak it"),
    "gender": maybe(max_length=20, help_text="female or male"),
    "voice": maybe(max_length=100, help_text="f1 to f5 or m1 to m8; by default, the gender decides"),
}
PlayItem = shape(
    "PlayItem",
    type=s.ChoiceField(["audio", "tts", "silence", "ringtone"]),
    params=inline_serializer(
        "PlayItemParams",
        {
            "url": maybe(help_text="audio: an http or https URL of an audio or video file"),
            "text": maybe(max_length=5000, help_text="tts"),
            **SPEECH,
            "duration": s.FloatField(required=False, help_text="silence, ringtone: seconds"),
            "name": maybe(help_text="ringtone: a country, such as us"),
        },
        required=False,
    ),
)
Play = shape(
    "Play",
    **OPERATION,
    play=s.ListField(child=PlayItem, required=False, min_length=1, max_length=50),
    url=maybe(help_text="instead of play: an http URL, say:text, silence:seconds or ring:[seconds:]cc"),
    urls=s.ListField(child=text(), required=False, min_length=1, max_length=50),
    **LOUDNESS,
    **DIRECTION,
)
Say = shape("Say", **OPERATION, text=text(min_length=1, max_length=5000), **SPEECH, **LOUDNESS)
RECORD: dict[str, Any] = {
    "format": s.ChoiceField(["wav", "mp3", "ogg"], required=False),
    "stereo": s.BooleanField(required=False),
    **DIRECTION,
    "beep": s.BooleanField(required=False),
    "initial_timeout": s.FloatField(required=False, min_value=0, max_value=3600),
    "end_silence_timeout": s.FloatField(required=False, min_value=0, max_value=3600),
    "max_length": s.FloatField(required=False, min_value=1, max_value=86400, help_text="seconds"),
    "terminators": maybe(max_length=16),
    "input_sensitivity": s.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        help_text="default: 44; with a higher value, quieter sounds count as speech",
    ),
}
Record = shape(
    "Record",
    **OPERATION,
    **RECORD,
    record=inline_serializer(
        "RecordOptions",
        {"audio": inline_serializer("RecordAudio", dict(RECORD), required=False)},
        required=False,
        help_text="the same fields, nested as SignalWire has them",
    ),
)
DIGITS: dict[str, Any] = {
    "max": s.IntegerField(required=False, min_value=1, max_value=64),
    "terminators": maybe(max_length=16),
    "digit_timeout": s.FloatField(required=False, min_value=0.1, max_value=600),
}
Collect = shape(
    "Collect",
    **OPERATION,
    **DIGITS,
    digits=inline_serializer("CollectDigits", dict(DIGITS), required=False),
    speech=inline_serializer(
        "CollectSpeech",
        {
            "model": s.ChoiceField(["accurate", "quick"], required=False),
            "language": maybe(max_length=20, help_text="such as en-US"),
            "hints": s.ListField(child=text(max_length=100), required=False, max_length=100),
            "end_silence_timeout": s.FloatField(required=False, min_value=0.2, max_value=5),
            "speech_timeout": s.FloatField(required=False, min_value=1, max_value=600),
        },
        required=False,
        help_text="the first words also end the operation; needs a speech worker",
    ),
    initial_timeout=s.FloatField(required=False, min_value=0, max_value=3600),
    partial_results=s.BooleanField(
        required=False, help_text="only false: collect reports nothing before its end"
    ),
    start_input_timers=s.BooleanField(required=False),
)
Stream = shape(
    "Stream",
    **OPERATION,
    url=text(max_length=2000, help_text="a wss or ws URL"),
    track=s.ChoiceField(["inbound_track", "outbound_track", "both_tracks"], required=False),
    name=maybe(max_length=100),
    codec=maybe(max_length=20, help_text="PCMU (8 kHz) or L16 (16 kHz)"),
    custom_parameters=s.DictField(child=text(), required=False),
    authorization_bearer_token=maybe(max_length=4000),
    bidirectional=s.BooleanField(required=False),
)
Transcribe = shape(
    "Transcribe",
    **OPERATION,
    model=s.ChoiceField(["accurate", "quick"], required=False, help_text="default: the best installed model"),
    language=maybe(max_length=20, help_text="such as en-US"),
    hints=s.ListField(child=text(max_length=100), required=False, max_length=100),
    partial_results=s.BooleanField(required=False, help_text="default: true"),
    end_silence_timeout=s.FloatField(required=False, min_value=0.2, max_value=5, help_text="seconds"),
    redact=s.ListField(child=s.ChoiceField(["digits", "card_numbers"]), required=False),
    captions=s.BooleanField(required=False, help_text="send captions to the devices in the call"),
)
TranscribeRecording = shape(
    "TranscribeRecording",
    control_id=maybe(max_length=100),
    **{
        name: type(Transcribe)._declared_fields[name]
        for name in ("model", "language", "hints", "end_silence_timeout", "redact")
    },
)
DETECTION: dict[str, Any] = {
    "timeout": s.FloatField(required=False, min_value=1, max_value=300, help_text="seconds"),
    "initial_timeout": s.FloatField(required=False, min_value=0.5, max_value=60),
    "end_silence_timeout": s.FloatField(required=False, min_value=0.2, max_value=10),
    "machine_voice_threshold": s.FloatField(required=False, min_value=0.2, max_value=10),
    "machine_words_threshold": s.IntegerField(required=False, min_value=1, max_value=20),
    "machine_ready_timeout": s.FloatField(required=False, min_value=0.2, max_value=60),
    "wait_for_beep": s.BooleanField(
        required=False, help_text="continue until the machine is ready to record a message"
    ),
}
Detect = shape("Detect", **OPERATION, **DETECTION)
INPUT = ["none", "dtmf", "speech", "any"]
Relay = shape(
    "Relay",
    **OPERATION,
    url=text(max_length=2000, help_text="a wss or ws URL of the program"),
    parameters=s.DictField(child=text(), required=False, help_text="`customParameters` of `setup`"),
    language=maybe(max_length=20, help_text="for speech in both directions, such as en-US"),
    tts_language=maybe(max_length=20),
    transcription_language=maybe(max_length=20),
    voice=maybe(max_length=100, help_text="f1 to f5 or m1 to m8; by default, the gender decides"),
    gender=maybe(max_length=20),
    model=s.ChoiceField(["accurate", "quick"], required=False, help_text="default: the best installed model"),
    hints=s.ListField(child=text(max_length=100), required=False, max_length=100),
    end_silence_timeout=s.FloatField(required=False, min_value=0.2, max_value=5, help_text="seconds"),
    welcome_greeting=maybe(max_length=4000),
    welcome_greeting_interruptible=s.ChoiceField(INPUT, required=False, help_text="default: any"),
    interruptible=s.ChoiceField(INPUT, required=False, help_text="default: any"),
    report_input_during_agent_speech=s.ChoiceField(INPUT, required=False, help_text="default: none"),
    preemptible=s.BooleanField(required=False),
    dtmf_detection=s.BooleanField(required=False),
    partial_prompts=s.BooleanField(required=False),
    redact=s.ListField(child=s.ChoiceField(["digits", "card_numbers"]), required=False),
    debug=s.ListField(child=s.ChoiceField(["speaker-events", "tokens-played"]), required=False),
)
Denoise = shape("Denoise", **OPERATION)
OPERATIONS = {
    "play": Play,
    "say": Say,
    "record": Record,
    "collect": Collect,
    "stream": Stream,
    "transcribe": Transcribe,
    "detect": Detect,
    "relay": Relay,
    "denoise": Denoise,
}
RoomVerb = inline_serializer(
    "RoomVerb",
    {name: field for each in (Play, Record) for name, field in type(each)._declared_fields.items()}
    | {"text": maybe(max_length=5000, help_text="for say"), **SPEECH},
)
Operation = shape(
    "Operation",
    id=s.UUIDField(),
    call_id=s.UUIDField(),
    leg_id=s.UUIDField(allow_null=True),
    control_id=text(),
    verb=text(),
    state=s.ChoiceField(["wanted", "running", "finished", "failed"]),
    result=s.DictField(child=s.JSONField()),
)
Wish = shape("Wish", volume=s.FloatField(required=False), behavior=maybe())
LegStats = shape(
    "LegStats",
    leg_id=s.UUIDField(),
    role=text(),
    codec=text(allow_null=True),
    samples=s.ListField(child=s.DictField(child=s.JSONField())),
)
Stats = shape("Stats", call_id=s.UUIDField(), legs=s.ListField(child=LegStats))
TranscriptSegment = shape(
    "TranscriptSegment",
    text=text(),
    confidence=s.FloatField(),
    start_ms=s.IntegerField(help_text="since the beginning of the recording"),
    end_ms=s.IntegerField(),
    channel=s.IntegerField(required=False, help_text="in a stereo recording: 0 caller, 1 callee"),
)
Recording = shape(
    "Recording",
    id=s.UUIDField(),
    call_id=s.UUIDField(),
    leg_id=s.UUIDField(allow_null=True),
    control_id=text(),
    state=s.ChoiceField(["recording", "finished", "partial", "failed"]),
    format=text(),
    channels=s.IntegerField(),
    duration_ms=s.IntegerField(),
    size=s.IntegerField(),
    url=text(allow_null=True, help_text="signed download, valid for 5 minutes"),
    transcript=inline_serializer(
        "RecordingTranscript",
        {
            "state": s.ChoiceField(["wanted", "running", "finished", "failed"]),
            "control_id": text(),
            "model": text(),
            "language": text(),
            "reason": text(allow_null=True, help_text="why it failed"),
            "text": s.CharField(required=False, help_text="the whole text; not in lists"),
            "segments": s.ListField(child=TranscriptSegment, required=False, help_text="not in lists"),
        },
        allow_null=True,
    ),
)
Recordings = listed("Recordings", Recording)
Member = shape(
    "Member",
    leg_id=s.UUIDField(),
    call_id=s.UUIDField(),
    address=text(),
    muted=s.BooleanField(),
    talking=s.BooleanField(),
    joined_at=s.DateTimeField(),
    deaf=s.BooleanField(),
    volume=s.FloatField(help_text="dB; how loud the other members hear this one"),
)
RoomState = shape(
    "RoomState",
    name=text(),
    state=text(),
    locked=s.BooleanField(),
    members=s.ListField(child=Member),
)


RoomAnswer = PolymorphicProxySerializer("RoomAnswer", [RoomState, Operation], resource_type_field_name=None)
MemberVerb = shape("MemberVerb", volume=s.FloatField(required=False, help_text="dB, for the verb volume"))


def query(name: str, what: str, kind: type[Any] = str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=what)


def word(name: str, words: Iterable[str], what: str) -> OpenApiParameter:
    """A part of the path that is one of these words."""
    return OpenApiParameter(name, str, OpenApiParameter.PATH, enum=list(words), description=what)


PAGING = pagination.PARAMETERS
PAGE_SIZE = PAGING[0]
CALL_FILTERS = [
    query("state", "created, ringing, answered, ended; separate several with commas"),
    query("from", "exact match"),
    query("to", "exact match"),
    query("created_after", "RFC 3339 or unix seconds"),
    query("created_before", "RFC 3339 or unix seconds"),
    query("kind", "subscriber, room, script, pstn, sip"),
    query("end_reason", "hangup, cancelled, busy, no-answer, rejected, failed, transferred"),
    *PAGING,
]
