"""`room.*`: what a device may do in the room it is in, where the room lets it moderate. Blocking."""

from __future__ import annotations

from typing import Any

from calling.commands import moderation
from calling.commands.params import invalid
from calling.sockets.frames import Frame
from tokens.subjects import TokenHolder

PREFIX = "room."
MAX_NAME = 64


def asks(kind: str) -> bool:
    """Whether frames of that type are handled here."""
    verb = kind.removeprefix(PREFIX)
    return kind.startswith(PREFIX) and verb in ("get", *moderation.ROOM_VERBS, *moderation.MEMBER_VERBS)


def handle(holder: TokenHolder, frame: Frame) -> dict[str, Any]:
    """Execute it and return the `room` message. Raises the errors of REST."""
    verb = frame.type.removeprefix(PREFIX)
    room = moderation.moderated(holder, text(frame, "room"))
    if verb in moderation.ROOM_VERBS:
        moderation.rule(room, verb)
    elif verb in moderation.MEMBER_VERBS:
        body = {name: frame.fields[name] for name in ("volume", "deaf") if name in frame.fields}
        moderation.rule_member(room, text(frame, "leg_id"), verb, body)
    return {"type": "room", "req_id": frame.req_id, **moderation.room_json(room)}


def text(frame: Frame, name: str) -> str:
    value = frame.fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        code = "missing_required_parameter" if value is None else "invalid_parameter"
        raise invalid(name, f"{name} is a text of 1 to {MAX_NAME} characters.", code)
    return value
