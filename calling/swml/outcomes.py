"""Which script variables the outcome of an Action sets. Pure; names as in SignalWire's SWML reference.

`settle` yields (name, value, tainted): tainted values came from the caller, so a destination made of them is
judged by the caller's own scope.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from calling.swml.values import to_text

Setting = tuple[str, Any, bool]
MAX_BODY = 32_768
KEPT_BODY = 8_192


def settle(verb: str, pending: Mapping[str, Any], outcome: Mapping[str, Any]) -> Iterator[Setting]:
    """The variables to set after `verb` ended with `outcome`."""
    result = to_text(outcome.get("result"))[:64]
    named = "control_id" in pending.get("caller", ())  # a control_id of the caller's words stays one
    match verb:
        case "play":
            yield "play_result", result or "finished", False
        case "prompt":
            yield "prompt_result", result or "no_input", False
            yield "prompt_value", _text(outcome, "value"), True
            yield "prompt_digits_terminator", _text(outcome, "terminator"), True
            yield "prompt_speech_confidence", outcome.get("confidence"), False
        case "record":
            yield "record_result", result or "finished", False
            yield "record_url", _text(outcome, "url"), False
            yield "record_duration_ms", outcome.get("duration_ms"), False
        case "record_call" | "stop_record_call":
            yield "record_control_id", _text(outcome, "control_id"), named
            yield "record_call_result", result or "success", False
            yield "record_call_url", _text(outcome, "url"), False
        case "connect":
            yield "connect_result", result or "failed", False
            yield "connect_failed_reason", _text(outcome, "reason"), False
            yield "return_value", result or "failed", False
            if "relay_result" in outcome:
                yield "relay_result", _text(outcome, "relay_result"), False
                yield "relay_handoff_data", to_text(outcome.get("handoff_data"))[:KEPT_BODY], False
                yield "relay_session_id", _text(outcome, "session_id"), False
        case "join_room" | "join_conference":
            yield "join_result", result or "left", False
            yield "return_value", result or "left", False
        case "transfer":
            yield "transfer_result", result or "failed", False
        case "sip_refer":
            yield "sip_refer_to", pending.get("to", ""), "to_uri" in pending.get("caller", ())
            yield "sip_refer_result", result or "failed", False
            yield "return_value", result or "failed", False
        case "send_digits":
            yield "send_digits_result", result or "finished", False
        case "detect_machine":
            yield "detect_result", result or "unknown", False
            yield "detect_beep", outcome.get("beep") is True, False
            yield "detect_ms", outcome.get("ms"), False
        case "live_transcribe":
            yield "live_transcribe_result", result or "success", False
        case "denoise" | "stop_denoise":
            done = "on" if verb == "denoise" else "off"
            yield "denoise_result", "failed" if result == "failed" else done, False
        case "tap" | "stream":
            yield f"{verb}_control_id", _text(outcome, "control_id"), named
            yield f"{verb}_result", result or "success", False
        case "request":
            yield from _request(pending, outcome)


def _text(outcome: Mapping[str, Any], key: str) -> str:
    return to_text(outcome.get(key))[:4096]


def _request(pending: Mapping[str, Any], outcome: Mapping[str, Any]) -> Iterator[Setting]:
    status = outcome.get("status")
    good = isinstance(status, int) and 200 <= status < 300
    body = to_text(outcome.get("body"))[:MAX_BODY]
    headers = outcome.get("headers")
    yield "request_url", pending.get("url", ""), "url" in pending.get("caller", ())
    yield "request_result", "success" if good else "failed", False
    yield "return_value", "success" if good else "failed", False
    yield "request_response_code", status if isinstance(status, int) else None, False
    yield "request_response_body", body[:KEPT_BODY], False
    yield "request_response_headers", _headers(headers) if isinstance(headers, Mapping) else {}, False
    yield "request_error", _text(outcome, "error"), False
    if pending.get("save"):
        yield "request_response", _parsed(body), False


def _headers(headers: Mapping[Any, Any]) -> dict[str, str]:
    return {str(name).lower()[:100]: to_text(value)[:1024] for name, value in list(headers.items())[:50]}


def _parsed(body: str) -> dict[str, Any] | list[Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict | list) else {}
