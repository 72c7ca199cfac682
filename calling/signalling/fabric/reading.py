"""From a text frame of SignalWire's browser SDK to a request, with the limits that every JSON body has.

What a frame asks for is decided elsewhere.
"""

from __future__ import annotations

from calling.signalling.fabric import rpc
from subscribers.http import intake, problems


def read(text: str | None) -> rpc.Request | rpc.Ack:
    """Parse one frame; None stands for a binary one. Raises BadFrame."""
    if text is None:
        raise rpc.BadFrame(-32600, "Send text frames with one JSON object each.")
    try:
        value = intake.loads(text)
    except problems.TooLarge:
        raise rpc.BadFrame(-32600, "A frame must not be larger than 256 kB.") from None
    except problems.BadRequest as error:
        raise rpc.BadFrame(-32700, error.message) from None
    if not isinstance(value, dict):
        raise rpc.BadFrame(-32600, "A frame must be a JSON object.")
    found, method, params = value.get("id"), value.get("method"), value.get("params", {})
    if not isinstance(found, str) or not 0 < len(found) <= rpc.MAX_ID:
        raise rpc.BadFrame(-32600, "id must be a short text.")
    if method is None and ("result" in value or "error" in value):
        return rpc.Ack(found)
    if not isinstance(method, str) or not 0 < len(method) <= 100:
        raise rpc.BadFrame(-32600, "A request must have a method.", found)
    if not isinstance(params, dict):
        raise rpc.BadFrame(rpc.INVALID, "params must be an object.", found)
    return rpc.Request(found, method, params)
