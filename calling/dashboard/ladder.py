"""The ladder of a call: one column per leg, one row per event, operation or staff action."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext

from calling import models
from calling.dashboard.audit_words import action_in_words, details_in_words, is_id, name_in_words
from calling.dashboard.code_words import in_words
from calling.dashboard.event_words import event_in_words, operation_in_words
from calling.dashboard.templatetags.shown import end_words, number, party

# The facts of an event that a row shows beside its type; the call itself is on the page already.
HIDDEN = {"call", "leg_id", "sequence"}
# Facts whose values are codes; others may be words of a person that only look like one.
CODED = {"now", "state", "status", "reason", "kind", "role", "mode", "channel"}


@dataclass
class Row:
    """`cells[i]` is True where leg i is concerned; `kind` is event, operation or staff; `what` is a code."""

    at: datetime
    kind: str
    what: str
    leg_id: str | None
    facts: str
    full: str = ""
    words: str = ""
    offset: float = 0.0
    sequence: int | None = None
    cells: list[bool] = field(default_factory=list)


def facts_of(event: models.Event) -> dict[str, Any]:
    try:
        data = json.loads(event.body).get("data", {})
    except ValueError:
        data = event.data
    rest = {name: value for name, value in data.items() if name not in HIDDEN and value not in (None, "", {})}
    if event.type.startswith("record."):
        rest.pop("url", None)  # a signed download: it would pass by the player, and so by the audit log
    if event.type == "call.ended":
        call = data.get("call", {})
        for name in ("end_reason", "end_cause", "ended_by", "sip_code", "sip_headers"):
            if call.get(name):
                rest[name] = call[name]
    return rest


def facts_in_words(facts: dict[str, Any]) -> str:
    """The facts that are words or numbers; ids, and what is nested, are for `in_full`."""
    plain = {name: value for name, value in facts.items() if not unread(value)}
    words = []
    if reason := plain.pop("end_reason", None):
        words.append(end_words(str(reason), plain.pop("end_cause", None)))
        for name in ("reason", "cause"):  # the same once more
            plain.pop(name, None)
    if by := plain.pop("ended_by", None):
        words.append(gettext("by {who}").format(who=party(str(by))))
    if (score := find(facts, "mos")) is not None:
        words.append(f"MOS {score}")
    for name, value in plain.items():
        if name.endswith("_ms") and isinstance(value, int | float):
            seconds = number(value / 1000, 1)
            words.append(f"{name_in_words(name.removesuffix('_ms'))}: {seconds} s")
        elif name != "mos":
            shown = value
            if isinstance(value, bool):
                shown = gettext("yes") if value else gettext("no")
            elif name == "size":
                shown = filesizeformat(value)
            elif name in CODED:
                shown = in_words(value)
            words.append(f"{name_in_words(name)}: {shown}")
    return " · ".join(words)[:1000]


def unread(value: object) -> bool:
    """Whether it says nothing to who reads the ladder: an id, or something nested."""
    return isinstance(value, dict | list) or is_id(str(value))


def in_full(facts: dict[str, Any]) -> str:
    """The facts as JSON, where the words leave something of them out; else empty."""
    if not any(value and unread(value) for value in facts.values()):
        return ""
    return json.dumps(facts, ensure_ascii=False, indent=1)[:8000]


def find(facts: dict[str, Any], name: str) -> object:
    """A number with that name, at this level or one below."""
    for values in (facts, *(each for each in facts.values() if isinstance(each, dict))):
        if isinstance(value := values.get(name), int | float):
            return value
    return None


def ladder(
    call: models.Call,
    legs: Sequence[models.Leg],
    events: Sequence[models.Event],
    operations: Sequence[models.Operation],
    actions: Sequence[models.StaffAction],
) -> list[Row]:
    """All rows in chronological order."""
    rows = [
        Row(event.created_at, "event", event.type, str(event.leg_id) if event.leg_id else None,
            facts_in_words(facts), in_full(facts), event_in_words(event.type), sequence=event.sequence)
        for event in events
        for facts in [facts_of(event)]
    ]  # fmt: skip
    for operation in operations:
        result = {name: value for name, value in operation.result.items() if name != "url"}
        told = {"control_id": operation.control_id, "now": operation.state, **result}
        rows.append(
            Row(operation.created_at, "operation", operation.verb,
                str(operation.leg_id) if operation.leg_id else None, facts_in_words(told), in_full(told),
                operation_in_words(operation.verb))
        )  # fmt: skip
    rows += [
        Row(action.at, "staff", action.action, action.detail.get("leg"),
            gettext("by {who}").format(who=action.name) + " "
            + details_in_words({name: value for name, value in action.detail.items() if name != "leg"}),
            words=action_in_words(action.action))
        for action in actions
    ]  # fmt: skip
    rows.sort(key=lambda row: (row.at, row.sequence or 0))
    columns = [str(leg.id) for leg in legs]
    roles = {leg.role: str(leg.id) for leg in legs}
    for row in rows:
        row.offset = (row.at - call.created_at).total_seconds()
        concerned = roles.get(row.leg_id or "", row.leg_id)
        row.cells = [concerned is None or column == concerned for column in columns]
    return rows
