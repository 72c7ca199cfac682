"""Types and cursors of the event log, as a request names them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from calling.calls.event_types import PATTERNS
from calling.commands.params import Params, invalid
from rest import known_names

MAX_TYPES = 50
LAST_POSITION = 2**63 - 1


def read_types(form: Params) -> tuple[str, ...]:
    """`["call.*", "room.started"]`; empty means every type. What can match none is refused."""
    value = form.value("types")
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or len(value) > MAX_TYPES or not all(map(is_name, value)):
        form.fail("types", f"types must be a list of at most {MAX_TYPES} types like call.ended or call.*.")
        return ()
    refuse_unknown_types(form, "types", value)
    return tuple(dict.fromkeys(value))


def is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def refuse_unknown_types(form: Params, name: str, patterns: Iterable[str]) -> None:
    """Notes a fault for each pattern that no type of event can match."""
    for each in patterns:
        if each not in PATTERNS:
            form.fail(name, known_names.words(each, PATTERNS, "event type"), known_names.CODE)


def read_cursor(form: Params) -> int | None:
    value = form.value("after")
    if value is None:
        return None
    text = str(value) if isinstance(value, str) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LAST_POSITION):
        raise invalid("after", "after must be a cursor from an earlier response.", "invalid_cursor")
    return int(text)
