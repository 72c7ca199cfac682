"""Reading a project's published log: cursors, filters, pages; for `GET /api/events` and `/ws/events` alike.

A cursor is the position of the last event seen, as text. Reads rows, writes none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from calling import models
from calling.fields import Form, invalid
from subscribers.http import problems

TYPE = re.compile(r"\*|[a-z][a-z._]{0,38}(\.\*)?")
MAX_TYPES = 50
LAST_POSITION = 2**63 - 1
TEST = "webhook.test"
"""Sent to one endpoint when asked for; never published in the log."""


@dataclass(frozen=True)
class Entry:
    """One published event: its cursor and its body, byte for byte."""

    position: int
    body: str

    def frame(self) -> str:
        """The JSON text `{"cursor", "event"}`."""
        return f'{{"cursor":"{self.position}","event":{self.body}}}'


def waiting() -> QuerySet[models.Event]:
    """What is committed and still has to be published."""
    return models.Event.objects.filter(position=None).exclude(type=TEST)


def read_types(form: Form, name: str = "types") -> tuple[str, ...]:
    """`["call.*", "room.started"]`; empty means every type."""
    value = form.value(name)
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.split(",")
    good = isinstance(value, list) and len(value) <= MAX_TYPES
    if not good or not all(isinstance(each, str) and TYPE.fullmatch(each) for each in value):
        form.wrong(name, f"{name} must be a list of at most {MAX_TYPES} types like call.ended or call.*.")
        return ()
    return tuple(dict.fromkeys(value))


def read_cursor(form: Form, name: str = "after") -> int | None:
    value = form.value(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, str) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LAST_POSITION):
        raise invalid(name, f"{name} must be a cursor that was handed out.", "invalid_cursor")
    return int(text)


def of_types(types: tuple[str, ...]) -> Q:
    where = Q()
    for each in types:
        if each == "*":
            return Q()
        where |= Q(type__startswith=each[:-1]) if each.endswith("*") else Q(type=each)
    return where


def check_kept(project_id: UUID, after: int) -> None:
    """410 `cursor_expired` where events after that cursor are kept no longer."""
    oldest = models.Event.objects.filter(project_id=project_id).aggregate(Min("position"))["position__min"]
    if oldest is not None and after < oldest - 1:
        raise problems.Gone("cursor_expired", "Events after that cursor are kept no longer.", "after")


def before_oldest(project_id: UUID) -> int:
    """The cursor that starts at the oldest event kept."""
    oldest = models.Event.objects.filter(project_id=project_id).aggregate(Min("position"))["position__min"]
    return 0 if oldest is None else oldest - 1


def at(project_id: UUID, moment: datetime) -> int:
    """The cursor that starts with the first event published that happened at or after `moment`."""
    published = models.Event.objects.filter(project_id=project_id, position__isnull=False)
    # The head is read first: what is published while we look lies behind it, and is not skipped.
    head = published.aggregate(Max("position"))["position__max"] or 0
    first = published.filter(created_at__gte=moment).aggregate(Min("position"))["position__min"]
    return head if first is None else min(head, first - 1)


def page(project_id: UUID, after: int, limit: int, types: tuple[str, ...] = ()) -> list[Entry]:
    """The next events after a cursor, in order."""
    rows = (
        models.Event.objects.filter(of_types(types), project_id=project_id, position__gt=after)
        .order_by("position")
        .values_list("position", "body")
    )
    return [Entry(position or 0, body) for position, body in rows[:limit]]
