"""Why a delivery has not been sent yet, in words (docs/contract.md#webhooks). Reads; changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext

import clock
from calling import models


def explained(deliveries: Iterable[models.Delivery]) -> list[models.Delivery]:
    """The deliveries with `why`, what each waits for, and `last`, their newest attempt. Expects `event`,
    `endpoint` and `attempts` read along."""
    rows = list(deliveries)
    pending = [row for row in rows if row.state == "pending"]
    heads: dict[tuple[object, str], models.Delivery] = {}
    # Of a call's events an endpoint gets one after another: the oldest that is pending holds up the others.
    for each in (
        models.Delivery.objects.filter(
            state="pending",
            endpoint_id__in={row.endpoint_id for row in pending},
            stream__in={row.stream for row in pending},
        )
        .select_related("event")
        .order_by("endpoint_id", "stream", "event_id", "id")
        .distinct("endpoint_id", "stream")
    ):
        heads[each.endpoint_id, each.stream] = each
    for row in rows:
        attempts = sorted(row.attempts.all(), key=lambda each: each.pk)
        row.last = attempts[-1] if attempts else None  # type: ignore[attr-defined]
        row.why, row.due = "", None  # type: ignore[attr-defined]
        if row.state == "pending":
            why(row, heads.get((row.endpoint_id, row.stream), row))
    return rows


def why(row: models.Delivery, head: models.Delivery) -> None:
    now = clock.now()
    if row.endpoint.disabled_at is not None:
        row.why = gettext("the webhook is disabled")  # type: ignore[attr-defined]
    elif head.pk != row.pk:
        number = f" #{head.event.sequence}" if head.event.sequence else ""
        row.why = gettext("waits for {event}, which is sent first").format(  # type: ignore[attr-defined]
            event=head.event.type + number
        )
        row.waits_for = head  # type: ignore[attr-defined]
    elif row.next_at is not None and row.next_at > now:
        row.why = gettext("next attempt at") if row.tries else gettext("first attempt at")  # type: ignore[attr-defined]
        row.due = row.next_at  # type: ignore[attr-defined]
    else:
        sent = row.claimed_until and row.claimed_until > now
        row.why = gettext("is sent now") if sent else gettext("is due now")  # type: ignore[attr-defined]
