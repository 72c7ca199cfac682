"""The table of calling commands: which are carried out by what, which are refused by name."""

from __future__ import annotations

from calling.api.calling import long_operations, whole_calls
from calling.api.calling.envelope import Command

COMMANDS: dict[str, Command] = {
    "calling.end": whole_calls.end,
    "calling.transfer": whole_calls.transfer,
    "calling.disconnect": whole_calls.disconnect,
    "calling.refer": whole_calls.refer,
    "calling.play": long_operations.play,
    "calling.record": long_operations.record,
    "calling.collect": long_operations.collect,
    "calling.stream": long_operations.stream,
    "calling.tap": long_operations.tap,
    "calling.send_digits": long_operations.send_digits,
    "calling.play.pause": long_operations.wish("play", "pause"),
    "calling.play.resume": long_operations.wish("play", "resume"),
    "calling.play.stop": long_operations.wish("play", "stop"),
    "calling.play.volume": long_operations.wish("play", "volume"),
    "calling.record.pause": long_operations.wish("record", "pause"),
    "calling.record.resume": long_operations.wish("record", "resume"),
    "calling.record.stop": long_operations.wish("record", "stop"),
    "calling.collect.stop": long_operations.wish("collect", "stop"),
    "calling.collect.start_input_timers": long_operations.wish("collect", "timers"),
    "calling.stream.stop": long_operations.wish("stream", "stop"),
    "calling.tap.stop": long_operations.wish("stream", "stop"),
}
NOT_SUPPORTED = frozenset(
    {
        "calling.ai_hold",
        "calling.ai_unhold",
        "calling.ai_message",
        "calling.ai.stop",
        "calling.ai_sidecar",
        "calling.ai_sidecar.poke",
        "calling.ai_sidecar.ask",
        "calling.ai_sidecar.stop",
        "calling.ai_sidecar.status",
        "calling.live_transcribe",
        "calling.live_translate",
        "calling.user_event",
        "calling.detect",
        "calling.detect.stop",
        "calling.denoise",
        "calling.denoise.stop",
        "calling.transcribe",
        "calling.transcribe.stop",
        "calling.send_fax",
        "calling.send_fax.stop",
        "calling.receive_fax",
        "calling.receive_fax.stop",
    }
)
