"""The table of calling commands: which are carried out by what, which are refused by name."""

from __future__ import annotations

from calling.signalwire.calling_api import calls, operations
from calling.signalwire.calling_api.envelope import Command

COMMANDS: dict[str, Command] = {
    "calling.end": calls.end,
    "calling.transfer": calls.transfer,
    "calling.disconnect": calls.disconnect,
    "calling.refer": calls.refer,
    "calling.user_event": calls.user_event,
    "calling.play": operations.play,
    "calling.record": operations.record,
    "calling.collect": operations.collect,
    "calling.stream": operations.stream,
    "calling.tap": operations.tap,
    "calling.send_digits": operations.send_digits,
    "calling.transcribe": operations.transcribe,
    "calling.transcribe.stop": operations.control("transcribe", "stop"),
    "calling.live_transcribe": operations.live_transcribe,
    "calling.detect": operations.detect,
    "calling.detect.stop": operations.control("detect", "stop"),
    "calling.denoise": operations.denoise,
    "calling.denoise.stop": operations.denoise_stop,
    "calling.play.pause": operations.control("play", "pause"),
    "calling.play.resume": operations.control("play", "resume"),
    "calling.play.stop": operations.control("play", "stop"),
    "calling.play.volume": operations.control("play", "volume"),
    "calling.record.pause": operations.control("record", "pause"),
    "calling.record.resume": operations.control("record", "resume"),
    "calling.record.stop": operations.control("record", "stop"),
    "calling.collect.stop": operations.control("collect", "stop"),
    "calling.collect.start_input_timers": operations.control("collect", "timers"),
    "calling.stream.stop": operations.control("stream", "stop"),
    "calling.tap.stop": operations.control("stream", "stop"),
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
        "calling.live_translate",
        "calling.send_fax",
        "calling.send_fax.stop",
        "calling.receive_fax",
        "calling.receive_fax.stop",
    }
)
