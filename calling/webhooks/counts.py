"""Numbers of deliveries: exact up to a limit, estimated above it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from calling import models

MOST = 10_000
"""So many are counted one by one; a backlog of a million is read no further."""

PER_ENDPOINT = """
SELECT e.id, s.state, (
    SELECT count(*) FROM (
        SELECT FROM calling_delivery d
        WHERE d.endpoint_id = e.id AND d.state = s.state AND d.created_at > %s
        ORDER BY d.created_at DESC LIMIT %s
    ) found
) FROM unnest(%s::uuid[]) AS e(id), unnest(%s::text[]) AS s(state)
"""


def counted(rows: QuerySet[Any]) -> str:
    """The number of rows, or `10000+`."""
    return shown(rows[: MOST + 1].count())


def shown(number: int) -> str:
    return str(number) if number <= MOST else f"{MOST}+"


def by_endpoint(
    endpoint_ids: Iterable[UUID], states: Iterable[str], since: datetime
) -> dict[tuple[UUID, str], str]:
    """(endpoint, state) → how many deliveries were made since then and are in that state."""
    with connection.cursor() as cursor:
        cursor.execute(PER_ENDPOINT, [since, MOST + 1, list(endpoint_ids), list(states)])
        return {(endpoint_id, state): shown(number) for endpoint_id, state, number in cursor.fetchall()}


def about(state: str) -> int:
    """How many deliveries of all projects are in a state: exact up to MOST, above that what the planner
    believes, which autovacuum keeps true to some percent."""
    rows = models.Delivery.objects.filter(state=state)
    # In the order of an index of that state: else the planner may read from the table's start to the first.
    exact = rows.order_by("created_at")[: MOST + 1].count()
    if exact <= MOST:
        return exact
    plan = json.loads(rows.values("pk").order_by().explain(format="json"))
    return max(exact, int(plan[0]["Plan"]["Plan Rows"]))
