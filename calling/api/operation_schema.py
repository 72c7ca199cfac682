"""What the OpenAPI document says about operations, recordings and rooms: bodies and answers.

Only documentation: `calling.commands.operation_params` does the checks.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, inline_serializer
from rest_framework import serializers as s

from calling.api.schema import LEG_HELP, maybe, text
from calling.commands.operation_params import DIRECTIONS
from rest.openapi import listed, shape

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
RoomVerb = inline_serializer(
    "RoomVerb",
    {name: field for each in (Play, Record) for name, field in type(each)._declared_fields.items()}
    | {"text": maybe(max_length=5000, help_text="for say"), **SPEECH},
)
RoomAnswer = PolymorphicProxySerializer("RoomAnswer", [RoomState, Operation], resource_type_field_name=None)
MemberVerb = shape("MemberVerb", volume=s.FloatField(required=False, help_text="dB, for the verb volume"))
