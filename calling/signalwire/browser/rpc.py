"""JSON-RPC 2.0 as SignalWire's browser SDK speaks it: what a frame is, and the shapes that answer. Pure.

The ids that the platform makes are texts: the SDK drops others. A client's own may be numbers too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import clock
from rest import errors, json_bodies

NODE = "callwright"
MAX_ID = 200
MAX_CALL_ID = 100
# Codes by which the SDK neither ends its call nor its session, and those that do.
REFUSED, NOT_AUTHENTICATED, INVALID = -32000, -32002, -32602
Message = dict[str, Any]
Id = str | int


class BadRpcMessage(Exception):
    """A frame that cannot be understood, told as a JSON-RPC error of that code."""

    def __init__(self, code: int, message: str, id: Id | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.id = code, message, id


@dataclass(frozen=True)
class Request:
    """One request of the client."""

    id: Id
    method: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Ack:
    """The client's answer to an event or a ping."""

    id: Id


def section(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """An object inside another, {} where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def result(id: Id, value: Message) -> Message:
    return {"jsonrpc": "2.0", "id": id, "result": value}


def okay(id: Id) -> Message:
    """`code` is a text: the SDK takes a number for an error."""
    return result(id, {"code": "200", "message": "OK"})


def error(id: Id | None, code: int, message: str) -> Message:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}


def verto_result(request: Request, inner: Message) -> Message:
    inner_id = section(request.params, "message").get("id")
    wrapped = {"jsonrpc": "2.0", "id": inner_id if is_id(inner_id) else request.id, "result": inner}
    return result(request.id, {"code": "200", "message": "OK", "node_id": NODE, "result": wrapped})


def event(kind: str, params: Message) -> Message:
    return {
        "jsonrpc": "2.0",
        "id": str(clock.new_id()),
        "method": "signalwire.event",
        "params": {
            "event_type": kind,
            "timestamp": round(clock.time(), 3),
            "node_id": NODE,
            "params": params,
        },
    }


def verto_event(method: str, params: Message) -> Message:
    """A message of the far end to one call of the client: `params` names it by `callID`."""
    inner = {"jsonrpc": "2.0", "id": str(clock.new_id()), "method": method, "params": params}
    return event("webrtc.message", inner)


def ping() -> Message:
    return {
        "jsonrpc": "2.0",
        "id": str(clock.new_id()),
        "method": "signalwire.ping",
        "params": {"timestamp": round(clock.time(), 3)},
    }


def is_id(value: object) -> TypeGuard[Id]:
    """Whether a request may have that id: a short text, or a whole number that every JSON reader keeps."""
    if isinstance(value, str):
        return 0 < len(value) <= MAX_ID
    whole = json_bodies.whole_number(value)
    return whole is not None and abs(whole) <= 2**53


def read(text: str | None) -> Request | Ack:
    """Parse one frame; None stands for a binary one. Raises BadRpcMessage."""
    if text is None:
        raise BadRpcMessage(-32600, "Send text frames with one JSON object each.")
    try:
        value = json_bodies.loads(text)
    except errors.TooLarge:
        raise BadRpcMessage(-32600, "A frame must not be larger than 256 kB.") from None
    except errors.BadRequest as error:
        raise BadRpcMessage(-32700, error.message) from None
    if not isinstance(value, dict):
        raise BadRpcMessage(-32600, "A frame must be a JSON object.")
    found, method, params = value.get("id"), value.get("method"), value.get("params", {})
    if not is_id(found):
        raise BadRpcMessage(-32600, "id must be a short text or a whole number.")
    if method is None and ("result" in value or "error" in value):
        return Ack(found)
    if not isinstance(method, str) or not 0 < len(method) <= 100:
        raise BadRpcMessage(-32600, "A request must have a method.", found)
    if not isinstance(params, dict):
        raise BadRpcMessage(INVALID, "params must be an object.", found)
    return Request(found, method, params)
