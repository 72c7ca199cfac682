"""Which SWML verbs Callwright runs, their parameters and defaults. Pure: a table.

Shapes: SignalWire's SWML reference (`signalwire-sdk` ships it as a JSON schema). A number, boolean or choice
may also be a `${…}` template; then it is judged when its step runs, by the same check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calling.swml import conversation_relay, voices
from calling.swml.checks import (
    Check,
    anything,
    boolean,
    choice,
    condition,
    either,
    fitting,
    headers,
    judged,
    many,
    number,
    only,
    source,
    table,
    text,
    zero_or,
)
from calling.swml.live_transcribe import live_transcript

link = text(2048, 8, r"https?://[^\s]+", "must be an http or https URL")
socket_link = text(2048, 6, r"wss?://[^\s]+", "must be a wss:// URL (RTP targets are not supported)")
URLS: Final = (link, socket_link)
"""Checks of parameters that name somebody to talk to."""
DIGITS: Final = text(64, 1, r"[0-9A-Da-d*#wW,]{1,64}", "may contain only 0-9, A-D, *, #, w, W and comma")


def digits(path: str, value: object) -> str:
    """`W` is SWML's pause of a second: two of `w`."""
    return str(DIGITS(path, value)).replace("W", "ww")


seconds = number(0, 14400)
name = text(255, 1)
control = text(64, 1)
CODEC: Final = r"\s*(OPUS|G722|PCMU|PCMA|G729|VP8|H264)(@[0-9]{1,6}[hHiI]){0,2}\s*"
codecs = text(255, 0, rf"(?i:{CODEC}(,{CODEC})*)?", "must be a list of codecs such as PCMU,PCMA")
stream_codec = text(20, 3, r"(?i:PCMU(@8000H)?|L16(@16000H)?)", "must be PCMU (8 kHz) or L16 (16 kHz)")
session_timeout = zero_or(90, 86400)  # 90 is the shortest of RFC 4028
MAX_EVENT: Final = 4096  # bytes of a user_event as JSON
small_table = fitting(table, MAX_EVENT)
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
    "say_language": judged(text(35), voices.language_refusal),
    "say_gender": judged(text(20), voices.gender_refusal),
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
    "terminators": text(16, 0, r"[0-9A-Da-d*#]*", "may contain only 0-9, A-D, * and #"),
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
    "codecs": codecs,
    "webrtc_media": only(False, why="is not supported: SIP URIs are offered plain RTP"),
    "session_timeout": session_timeout,
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
    "call_state_events": many(choice("answered", "ended"), 10, 0),
}
AS_OFFERED: Final = "is not supported: a call is answered as it was offered"
BOTH: Final = "is not supported: machines and both fax tones are always detected"
NO_ENGINE: Final = "is not supported: this instance recognises speech itself"
LANGUAGE: Final = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
PLAIN_CONFERENCE: Final = "is not supported: a conference is a room with its own settings"
VERBS: Final[Mapping[str, Verb]] = {
    "answer": Verb(
        {
            "max_duration": number(1, 86400),
            "codecs": only("", why=AS_OFFERED),
            "username": only("", why=AS_OFFERED),
            "password": only("", why=AS_OFFERED),
        },
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
            "speech_timeout": number(1, 600),
            "speech_end_timeout": number(0.2, 5),
            "speech_language": text(20, 2, LANGUAGE, "must be a language such as en-US"),
            "speech_hints": many(text(100, 1), 100, 0),
            "speech_engine": only("", why=NO_ENGINE),
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
            "conversation_relay": conversation_relay.settled,
            "action": text(4096),
        },
        scalar="to",
        defaults={"timeout": 60, "max_duration": 14400},
    ),
    "join_room": Verb(
        {
            "name": name,
            "status_url": only("", why="is not supported: use `/api/webhooks` for events of rooms"),
        },
        ("name",),
        "name",
    ),
    "join_conference": Verb(
        {
            "name": name,
            "muted": boolean,
            "beep": only(False, why=PLAIN_CONFERENCE),
            "start_on_enter": only(True, why=PLAIN_CONFERENCE),
            "end_on_exit": only(False, why=PLAIN_CONFERENCE),
            "wait_url": only("", why=PLAIN_CONFERENCE),
            "max_participants": only(100000, why=PLAIN_CONFERENCE),
            "region": only("", why=PLAIN_CONFERENCE),
            "record": only("do-not-record", why=PLAIN_CONFERENCE),
            "trim": only("", why=PLAIN_CONFERENCE),
            "coach": only("", why=PLAIN_CONFERENCE),
            "recording_status_callback": only("", why=PLAIN_CONFERENCE),
            "status_callback": only("", why=PLAIN_CONFERENCE),
            "status_callback_event": only("", why=PLAIN_CONFERENCE),
            "status_callback_method": only("", "POST", why=PLAIN_CONFERENCE),
            "status_callback_event_type": only("", why=PLAIN_CONFERENCE),
            "recording_status_callback_method": only("", "POST", why=PLAIN_CONFERENCE),
            "recording_status_callback_event": only("", why=PLAIN_CONFERENCE),
            "recording_status_callback_event_type": only("", why=PLAIN_CONFERENCE),
            "result": anything,
        },
        ("name",),
        "name",
        {"muted": False},
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
    "sip_refer": Verb(
        {
            "to_uri": text(1024, 5, r"(?i:sips?:)\S+", "must be a SIP URI"),
            "status_url": link,
            "username": text(255),
            "password": text(255),
        },
        ("to_uri",),
        "to_uri",
    ),
    "user_event": Verb({"event": small_table}, ("event",)),
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
            "codec": stream_codec,
            "rtp_ptime": only(20, why="is not supported: a tap sends frames of 20 ms to a WebSocket"),
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
            "codec": stream_codec,
            "track": choice("inbound_track", "outbound_track", "both_tracks"),
            "bidirectional": boolean,
            "authorization_bearer_token": text(4096),
            "custom_parameters": table,
            "status_url": link,
            "status_url_method": only("POST", why="must be POST"),
        },
        ("url",),
        "url",
        {"track": "inbound_track", "codec": "PCMU", "bidirectional": True},
    ),
    "stop_stream": Verb({"control_id": control}, scalar="control_id"),
    "detect_machine": Verb(
        {
            "detect_message_end": boolean,
            "detectors": only("amd,fax", "fax,amd", why=BOTH),
            "tone": only("CED", "CNG", why=BOTH),
            "end_silence_timeout": number(0.2, 10),
            "initial_timeout": number(0.5, 60),
            "machine_ready_timeout": number(0.2, 60),
            "machine_voice_threshold": number(0.2, 10),
            "machine_words_threshold": number(1, 20, whole=True),
            "status_url": link,
            "timeout": number(1, 300),
            "wait": boolean,
        },
        defaults={"detect_message_end": False, "timeout": 30, "wait": True},
    ),
    "live_transcribe": Verb({"action": live_transcript}, ("action",), "action"),
    "denoise": Verb(),
    "stop_denoise": Verb(),
}
UNSUPPORTED: Final = frozenset(
    {
        "ai",
        "ai_sidecar",
        "amazon_bedrock",
        "bedrock",
        "enter_queue",
        "live_translate",
        "pay",
        "receive_fax",
        "send_fax",
        "send_sms",
        "transcribe",
    }
)
"""SWML verbs that exist and that Callwright does not run: named as such, not called unknown."""
