"""What the SIP trace reads and writes. Blocking; no sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

import clock
from calling import models
from calling.sip.edge.trace_secrets import masked

PER_MESSAGE = 16_384  # octets that are kept of one message
PER_PROJECT = 64 * 2**20  # octets
PER_INSTANCE = 512 * 2**20


@dataclass(frozen=True)
class Traced:
    """A message on its way into a row. `data` still has its secrets."""

    project_id: str
    call_id: str
    leg_id: str
    at: datetime
    outgoing: bool
    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    data: bytes
    size: int


def rooms() -> dict[str, int]:
    """The projects that are traced now, and how many octets may still be kept of each."""
    rows = list(models.SipTracing.objects.values_list("project_id", "until", "bytes"))
    now, left = clock.now(), PER_INSTANCE - sum(kept for _, _, kept in rows)
    found = {str(id): min(PER_PROJECT - kept, left) for id, until, kept in rows if until > now}
    return {id: room for id, room in found.items() if room > 0}


def keep(messages: Sequence[Traced]) -> None:
    """Write messages of calls that are still there, without their secrets."""
    wanted = {UUID(each.call_id) for each in messages}
    with transaction.atomic():
        there = set(models.Call.objects.filter(pk__in=wanted).values_list("pk", flat=True))
        rows = [row_of(each) for each in messages if UUID(each.call_id) in there]
        models.SipMessage.objects.bulk_create(rows)
        for project_id in sorted({row.project_id for row in rows}):
            kept = sum(len(row.data) for row in rows if row.project_id == project_id)
            models.SipTracing.objects.filter(pk=project_id).update(bytes=F("bytes") + kept)


def row_of(message: Traced) -> models.SipMessage:
    # Masked before it is cut: a cut may fall into a secret and hide its end.
    return models.SipMessage(
        project_id=UUID(message.project_id),
        call_id=message.call_id,
        leg_id=message.leg_id,
        at=message.at,
        outgoing=message.outgoing,
        transport=message.transport,
        local_host=message.local[0],
        local_port=message.local[1],
        remote_host=message.remote[0],
        remote_port=message.remote[1],
        size=message.size,
        data=masked(message.data)[:PER_MESSAGE],
    )


def project_of(call_id: UUID) -> str | None:
    """The project of a call, None where it is gone."""
    found = models.Call.objects.filter(pk=call_id).values_list("project_id", flat=True).first()
    return str(found) if found is not None else None
