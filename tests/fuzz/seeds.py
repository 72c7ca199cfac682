"""Well-formed input to begin with, by target."""

from __future__ import annotations

import json
import struct

from calling.media.rtp import rtcp
from tests.media.test_sdp_gate_refuses_with_one_error import GOOD
from tests.sip.torture import VALID
from tests.sip.torture_invalid import OTHER

SCRIPT = {
    "version": "1.0.0",
    "sections": {
        "main": [
            "answer",
            {"set": {"a": "${call.from}", "b": [1, {"c": True}]}},
            {"label": "again"},
            {"prompt": {"play": ["say:one", "silence:1"], "max_digits": 1, "terminators": "#"}},
            {
                "switch": {
                    "variable": "prompt_value",
                    "case": {"1": [{"transfer": "other"}]},
                    "default": ["hangup"],
                }
            },
            {"cond": [{"when": "a == 1 && b.length > 2", "then": [{"goto": "again"}]}, {"else": ["hangup"]}]},
            {"request": {"url": "https://x.example/%{a}", "method": "POST", "body": {"a": "%{a}"}}},
            {"connect": {"serial_parallel": [[{"to": "/private/bob"}], [{"to": "sip:a@b.example"}]]}},
        ],
        "other": [
            {"play": {"urls": ["ring:2.0:us", "https://x.example/a.mp4"]}},
            {"execute": {"dest": "main"}},
        ],
    },
}
BODIES = [
    {"from": "/private/alice", "to": "/private/bob?channel=audio", "script": SCRIPT, "timeout": 30},
    {"control_id": "c1", "play": [{"type": "tts", "params": {"text": "hi", "language": "en"}}], "volume": -3},
    {"control_id": "r", "format": "wav", "stereo": True, "beep": True, "max_length": 5, "terminators": "#*"},
    {"collect": {"digits": {"max": 3, "terminators": "#", "digit_timeout": 2.5}, "initial_timeout": 4}},
    {"url": "wss://x.example/s", "codec": "PCMU", "parameters": {"a": "b"}, "track": "both_tracks"},
    {"state": "ended", "created_after": "2024-01-01T00:00:00Z", "tag": "a", "limit": "10", "cursor": "abc"},
    {"urls": ["https://x.example/a.mp3"], "loop": 2, "text": "hello", "voice": "en-gb"},
]
FRAMES = [
    {"type": "hello", "token": "eyJ", "device": {"name": "desk"}, "req_id": 7},
    {"type": "call.dial", "req_id": "a", "to": "/private/bob", "sdp": GOOD, "media": {"audio": True}},
    {
        "type": "call.ice",
        "call_id": "c",
        "candidate": {"candidate": "candidate:1 1 udp 1 1.2.3.4 5 typ host"},
    },
    {"jsonrpc": "2.0", "id": "1", "method": "signalwire.connect", "params": {"version": {"major": 4}}},
    {
        "jsonrpc": "2.0",
        "id": "2",
        "method": "webrtc.verto",
        "params": {"message": {"method": "verto.invite"}},
    },
    {"jsonrpc": "2.0", "id": "3", "result": {"code": "200"}},
]
DESTINATIONS = [
    "/private/bob", "/public/room?channel=video", "+14155550123", "sip:bob@example.com:5062;transport=tcp",
    "sips:[2001:db8::1]", "tel:+46-70-123 45 67", "sip:*@gw.example", "+46000000000", "1001",
]  # fmt: skip
SIMULCAST = GOOD + "\r\n".join(
    [
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:1", "a=sendonly", "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96",
        "a=rid:h send", "a=rid:l send", "a=simulcast:send h;l", "a=ssrc-group:FID 1 2", "a=ssrc:1 cname:x",
        "",
    ]
)  # fmt: skip


def as_json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def packets() -> list[bytes]:
    plain = struct.pack("!BBHII", 0x80, 111, 1, 2, 3) + b"opus"
    extended = (
        struct.pack("!BBHII", 0x90, 0xE0, 1, 2, 3)
        + bytes.fromhex("bede0002 10ff 3122 0000 0000")
        + b"\x10\x80\x81\x01"
    )
    feedback = rtcp.sender_report(1, 2, 3, 4, 5, [rtcp.block(1, 2, 3, 4, 5, 6, 7)]) + rtcp.description(1, "a")
    more = rtcp.pli(1, 2) + rtcp.fir(1, 2, 3) + rtcp.nack(1, 2, [5, 6, 40]) + rtcp.remb(1, 90_000, [1, 2])
    stun = struct.pack("!HHI", 1, 8, 0x2112A442) + bytes(12) + b"\x00\x06\x00\x03a:b\x00"
    return [plain, extended, feedback, more + rtcp.bye([1]), stun]


SEEDS: dict[str, list[bytes]] = {
    "sdp": [GOOD.encode(), SIMULCAST.encode()],
    "sip": [*VALID.values(), *OTHER.values()],
    "script": as_json(SCRIPT),
    "frame": as_json(*FRAMES),
    "body": as_json(*BODIES),
    "destination": [text.encode() for text in DESTINATIONS],
    "token": [b"eyJhbGciOiJIUzI1NiIsInR5cCI6IlNBVCJ9.eyJzdWIiOiJhIn0.c2ln"],
    "packet": packets(),
}
