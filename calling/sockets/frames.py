"""Reading text frames strictly: JSON as for REST bodies, one object, a type, and what an answer gives back.

Nothing a client sends raises anything but BadFrame here, and a bad frame never ends its socket.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from rest import errors, json_bodies

MAX_REQ_ID = 200
MAX_CALL_ID = 64
_UNCLEAN = re.compile("[\x00\ud800-\udfff]")


class BadFrame(Exception):
    """An invalid frame; `code` and `message` go into the error frame."""

    def __init__(self, code: str, message: str, req_id: object = None, call_id: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.req_id, self.call_id = code, message, req_id, call_id


@dataclass(frozen=True)
class Frame:
    """One message: its type, its fields, and what an answer must give back."""

    type: str
    fields: dict[str, Any]
    req_id: str | int | None
    call_id: str | None


def read(text: str | None) -> Frame:
    """Parse one frame; None stands for a binary one. Raises BadFrame."""
    if text is None:
        raise BadFrame("binary_frame", "Send text frames with one JSON object each.")
    try:
        value = json_bodies.loads(text)
    except errors.TooLarge:
        raise BadFrame("frame_too_large", "A frame must not be larger than 256 kB.") from None
    except errors.BadRequest as error:
        raise BadFrame(error.code, error.message, *rescued(error.code, text)) from None
    if not isinstance(value, dict):
        raise BadFrame("invalid_frame", "A frame must be a JSON object.")
    req_id, call_id = echoes(value)
    if value.get("req_id") is not None and req_id is None:
        raise BadFrame("invalid_parameter", "req_id must be a short text or a number.", None, call_id)
    kind = value.get("type")
    if not isinstance(kind, str) or not 1 <= len(kind) <= 64:
        raise BadFrame("invalid_frame", "A frame must have a type.", req_id, call_id)
    if value.get("call_id") is not None and call_id is None:
        raise BadFrame("invalid_parameter", "call_id must be a short text.", req_id)
    return Frame(kind, value, req_id, call_id)


def rescued(code: str, text: str) -> tuple[str | int | None, str | None]:
    """The req_id and call_id of a frame whose only fault is a forbidden character somewhere."""
    if code != "invalid_characters":
        return None, None
    value = json.loads(text)  # bounded, and known to be JSON of permitted depth
    return echoes(value) if isinstance(value, dict) else (None, None)


def echoes(value: dict[str, Any]) -> tuple[str | int | None, str | None]:
    """The req_id and call_id that an answer may give back: only clean and short ones."""
    req_id, call_id = value.get("req_id"), value.get("call_id")
    if isinstance(req_id, str):
        req_id = req_id if len(req_id) <= MAX_REQ_ID and not _UNCLEAN.search(req_id) else None
    else:
        whole = json_bodies.whole_number(req_id)
        req_id = whole if whole is not None and abs(whole) <= 2**53 else None
    short = isinstance(call_id, str) and len(call_id) <= MAX_CALL_ID and not _UNCLEAN.search(call_id)
    return req_id, call_id if short else None


def error(code: str, message: str, req_id: object = None, call_id: str | None = None) -> dict[str, Any]:
    """The `error` message (docs/contract.md#device-socket); `call_id` only where one is known."""
    found: dict[str, Any] = {"type": "error", "req_id": req_id, "code": code, "message": message}
    if call_id is not None:
        found["call_id"] = call_id
    return found
