"""Reading calls as they stand. Must not live here: locks and writes (`store`), and any rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, transaction
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from psycopg import IsolationLevel

from calling import models
from calling.calls import mapping
from calling.machine.states import Call
from rest import errors

# An attempt's columns travel with its leg: two tables, one statement.
ATTEMPTS = ArraySubquery(
    models.Attempt.objects.filter(leg_id=OuterRef("pk"))
    .order_by("id")
    .values(whole=JSONObject(**{name: name for name in mapping.ATTEMPT_COLUMNS}))
)


def leg_rows(call_ids: Iterable[UUID]) -> dict[UUID, list[models.Leg]]:
    """The rows of the legs of some calls, in their order, each with its attempts (`attempts_of`)."""
    legs = models.Leg.objects.filter(call_id__in=list(call_ids)).defer("stats").annotate(tries=ATTEMPTS)
    found: dict[UUID, list[models.Leg]] = defaultdict(list)
    for row in legs.order_by("position", "id"):
        found[row.call_id].append(row)
    return found


def attempts_of(row: models.Leg) -> list[models.Attempt]:
    tries: list[dict[str, Any]] = row.tries  # type: ignore[attr-defined]  # the annotation
    return [models.Attempt(leg_id=row.id, **each) for each in tries]


def values(rows: Iterable[models.Call]) -> list[Call]:
    """The calls of some rows; each row learns the codecs of its legs."""
    rows = list(rows)
    legs = leg_rows([row.id for row in rows])
    for row in rows:
        row.codecs = {str(leg.id): leg.codec for leg in legs[row.id]}
    return [
        mapping.call_value(row, tuple(mapping.leg_value(leg, attempts_of(leg)) for leg in legs[row.id]))
        for row in rows
    ]


def snapshot(call_id: UUID | str) -> Call:
    """One call as it stands. Raises NotFound."""
    return values([get(call_id)])[0]


def get(call_id: UUID | str) -> models.Call:
    try:
        return models.Call.objects.get(pk=call_id)
    except (models.Call.DoesNotExist, ValueError) as error:
        raise errors.NotFound from error


@contextmanager
def repeatable_read() -> Iterator[None]:
    """Reads inside see one repeatable-read snapshot, unless a transaction is open already.

    A call is several rows: read one by one while a device answers, its leg was not answered yet and its
    attempt not live any more, and the media session closed the peer that had made the offer.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    connection.ensure_connection()
    plain = connection.connection
    if not plain.closed:  # one that is lost says so at the first statement
        plain.isolation_level, plain.read_only = IsolationLevel.REPEATABLE_READ, True  # BEGIN says so
    try:
        with transaction.atomic():
            yield
    finally:
        if connection.connection is plain and not plain.closed:
            plain.isolation_level = plain.read_only = None
