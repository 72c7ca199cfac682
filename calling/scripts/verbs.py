"""Which SWML verbs Callwright runs, their parameters and defaults. Pure: a table.

Shapes: SignalWire's SWML reference (`signalwire-sdk` ships it as a JSON schema). A number, boolean or choice
may also be a `${…}` template; then it is judged when its step runs, by the same check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calling.scripts.checks import (
    Check,
    anything,
    boolean,
    choice,
    condition,
    either,
    headers,
    many,
    number,
    source,
    table,
    text,
)

link = text(2048, 8, r"https?://[^\s]+", "must be an http or https URL")
socket_link = text(2048, 6, r"wss?://[^\s]+", "must be a wss:// URL (RTP targets are not supported)")
digits = text(64, 1, r"[0-9A-Da-d*#w,]{1,64}", "may hold 0-9, A-D, *, #, w and comma only")
seconds = number(0, 14400)
name = text(255, 1)
control = text(64, 1)
destination = text(1024, 1)
volume = number(-40, 40)


@dataclass(frozen=True)
class Verb:
    """`fields`: the check of each parameter. `scalar`: the one a bare value stands for. `needs`: required."""

    fields: Mapping[str, Check] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    scalar: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)


SAYING: Final[Mapping[str, Check]] = {
    "volume": volume,
    "say_voice": text(100),
    "say_language": text(35),
    "say_gender": text(20),
    "status_url": link,
}
LOOPS: Final[Mapping[str, Check]] = {
    "loop": number(0, 1000, whole=True),
    "loops": number(0, 1000, whole=True),
}
FORMATS: Final = ("wav", "mp3", "mp4", "ogg", "webm")
RECORDING: Final[Mapping[str, Check]] = {
    "stereo": boolean,
    "format": choice(*FORMATS),
    "direction": choice("speak", "listen", "both"),
    "terminators": text(16, 0, r"[0-9A-Da-d*#]*", "may hold keys only"),
    "beep": boolean,
    "input_sensitivity": number(0, 100),
    "initial_timeout": seconds,
    "end_silence_timeout": seconds,
    "max_length": number(0.1, 14400),
    "status_url": link,
}
DEVICE: Final[Mapping[str, Check]] = {
    "to": destination,
    "from": text(255),
    "from_name": text(255),
    "headers": headers,
    "codecs": text(255),
    "webrtc_media": boolean,
    "session_timeout": number(0, 86400),
    "timeout": number(1, 600),
    "max_duration": number(1, 86400),
    "answer_on_bridge": boolean,
    "confirm": anything,
    "confirm_timeout": number(1, 600),
    "username": text(255),
    "password": text(255),
    "encryption": choice("mandatory", "optional", "forbidden"),
    "call_state_url": link,
    "status_url": link,
    "call_state_events": many(text(20), 10, 0),
}
VERBS: Final[Mapping[str, Verb]] = {
    "answer": Verb(
        {"max_duration": number(1, 86400), "codecs": text(255), "username": text(255), "password": text(255)},
        scalar="max_duration",
    ),
    "hangup": Verb(
        {"reason": choice("hangup", "busy", "decline")}, scalar="reason", defaults={"reason": "hangup"}
    ),
    "play": Verb(
        {**SAYING, **LOOPS, "url": source, "urls": many(source, 100), "auto_answer": boolean},
        scalar="url",
        defaults={"volume": 0, "say_language": "en-US", "auto_answer": True},
    ),
    "prompt": Verb(
        {
            **SAYING,
            **LOOPS,
            "play": either(source, many(source, 100)),
            "url": source,
            "urls": many(source, 100),
            "max_digits": number(1, 64, whole=True),
            "terminators": RECORDING["terminators"],
            "digit_timeout": number(0.1, 600),
            "initial_timeout": number(0.1, 600),
            "speech_timeout": seconds,
            "speech_end_timeout": seconds,
            "speech_language": text(35),
            "speech_hints": many(text(100), 100, 0),
            "speech_engine": text(50),
        },
        scalar="play",
        defaults={
            "max_digits": 1,
            "terminators": "",
            "digit_timeout": 5,
            "initial_timeout": 5,
            "volume": 0,
            "say_language": "en-US",
        },
    ),
    "record": Verb(
        RECORDING,
        defaults={
            "stereo": False,
            "format": "wav",
            "direction": "speak",
            "terminators": "#",
            "beep": False,
            "input_sensitivity": 44,
            "initial_timeout": 4,
            "end_silence_timeout": 5,
        },
    ),
    "record_call": Verb(
        {**RECORDING, "control_id": control},
        defaults={
            "stereo": False,
            "format": "wav",
            "direction": "both",
            "terminators": "",
            "beep": False,
            "input_sensitivity": 44,
            "initial_timeout": 0,
            "end_silence_timeout": 0,
        },
    ),
    "stop_record_call": Verb({"control_id": control}, scalar="control_id"),
    "connect": Verb(
        {
            **DEVICE,
            "serial": anything,
            "parallel": anything,
            "serial_parallel": anything,
            "ringback": anything,
            "result": anything,
            "transfer_after_bridge": text(4096),
        },
        scalar="to",
        defaults={"timeout": 60, "max_duration": 14400, "answer_on_bridge": False},
    ),
    "join_room": Verb({"name": name, "status_url": link}, ("name",), "name"),
    "join_conference": Verb(
        {
            "name": name,
            "muted": boolean,
            "beep": choice("true", "false", "onEnter", "onExit"),
            "start_on_enter": boolean,
            "end_on_exit": boolean,
            "wait_url": text(4096),
            "max_participants": number(2, 100000, whole=True),
            "region": text(50),
            "record": choice("do-not-record", "record-from-start"),
            "trim": text(20),
            "coach": text(100),
            "recording_status_callback": link,
            "status_callback": link,
            "status_callback_event": text(255),
            "status_callback_method": choice("GET", "POST"),
            "status_callback_event_type": text(255),
            "recording_status_callback_method": choice("GET", "POST"),
            "recording_status_callback_event": text(255),
            "recording_status_callback_event_type": text(255),
            "result": anything,
        },
        ("name",),
        "name",
        {
            "muted": False,
            "beep": "true",
            "start_on_enter": True,
            "end_on_exit": False,
            "record": "do-not-record",
        },
    ),
    "transfer": Verb({"dest": text(65536, 1), "params": table, "meta": anything}, ("dest",), "dest"),
    "execute": Verb(
        {
            "dest": text(65536, 1),
            "params": table,
            "meta": anything,
            "on_return": anything,
            "result": anything,
        },
        ("dest",),
        "dest",
    ),
    "return": Verb(),
    "goto": Verb(
        {"label": name, "when": condition, "max": number(1, 100, whole=True), "meta": anything},
        ("label",),
        "label",
        {"max": 100},
    ),
    "label": Verb(),
    "cond": Verb(),
    "switch": Verb({"variable": name, "case": table, "default": anything}, ("variable", "case")),
    "set": Verb(),
    "unset": Verb(),
    "send_digits": Verb({"digits": digits}, ("digits",), "digits"),
    "sleep": Verb({"duration": number(-1, 86_400_000)}, ("duration",), "duration"),
    "request": Verb(
        {
            "url": link,
            "method": choice("GET", "POST", "PUT", "DELETE", "PATCH"),
            "headers": headers,
            "body": anything,
            "timeout": number(0, 60),
            "connect_timeout": number(0, 60),
            "save_variables": boolean,
            "meta": anything,
        },
        ("url",),
        "url",
        {"method": "POST", "timeout": 10, "save_variables": False},
    ),
    "tap": Verb(
        {
            "uri": socket_link,
            "control_id": control,
            "direction": choice("speak", "listen", "both"),
            "codec": choice("PCMU", "PCMA", "L16"),
            "rtp_ptime": number(10, 60),
            "status_url": link,
        },
        ("uri",),
        "uri",
        {"direction": "speak", "codec": "PCMU"},
    ),
    "stop_tap": Verb({"control_id": control}, scalar="control_id"),
    "stream": Verb(
        {
            "url": socket_link,
            "control_id": control,
            "name": text(255),
            "codec": text(50),
            "track": choice("inbound_track", "outbound_track", "both_tracks"),
            "bidirectional": boolean,
            "authorization_bearer_token": text(4096),
            "custom_parameters": table,
            "status_url": link,
            "status_url_method": choice("GET", "POST"),
        },
        ("url",),
        "url",
        {"track": "inbound_track", "codec": "PCMU", "bidirectional": True},
    ),
    "stop_stream": Verb({"control_id": control}, scalar="control_id"),
}
UNSUPPORTED: Final = frozenset(
    {
        "ai",
        "ai_sidecar",
        "amazon_bedrock",
        "bedrock",
        "denoise",
        "stop_denoise",
        "detect_machine",
        "enter_queue",
        "live_transcribe",
        "live_translate",
        "pay",
        "receive_fax",
        "send_fax",
        "send_sms",
        "sip_refer",
        "user_event",
        "transcribe",
    }
)
"""SWML verbs that exist and that Callwright does not run: named as such, not called unknown."""
