"""Who is at the two ends of a call, in which direction it went, and how long they talked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import clock
from calling import models
from subscribers.models import Address


def described(calls: Iterable[models.Call]) -> list[models.Call]:
    """The calls with `from_shown`, `to_shown`, `answered_by`, `joined` (who came in besides, by a transfer or
    a merge), `ender` (who hung up), `direction` and `talked`. Two queries."""
    rows = list(calls)
    legs = (
        models.Leg.objects.filter(call_id__in=[row.pk for row in rows], part="")
        .order_by("position")
        .values_list("call_id", "role", "name", "address", "state", "end_reason")
    )
    others: dict[UUID, list[tuple[str, str, bool]]] = {}
    dialled_here: set[UUID] = set()  # by somebody, not by the API
    targets: dict[UUID, list[tuple[str, str, bool]]] = {}
    for call_id, role, name, address, state, reason in legs:
        if role == "caller":
            dialled_here.add(call_id)
        else:
            was_in = state == "answered" or (state == "ended" and reason in ("hangup", "transferred"))
            others.setdefault(call_id, []).append((name, address, was_in))
            if role == "target" and was_in:
                targets.setdefault(call_id, []).append((name, address, state == "ended"))
    known = names_of(
        {row.project_id for row in rows},
        {text for row in rows for text in (row.from_address, row.to_address)},
    )
    now = clock.now()
    for row in rows:
        there = others.get(row.pk, [])
        called = next((name for name, address, _ in there if address == row.to_address and name), "")
        row.from_shown = (  # type: ignore[attr-defined]
            row.from_name or known.get((row.project_id, row.from_address)) or row.from_address or "API"
        )
        row.to_shown = (  # type: ignore[attr-defined]
            called or known.get((row.project_id, row.to_address)) or row.to_address
        )
        row.answered_by = next(  # type: ignore[attr-defined]
            (
                name or known.get((row.project_id, address)) or address
                for name, address, was_in in there
                if was_in and row.answered_at
            ),
            "",
        )
        came = [
            (name or known.get((row.project_id, address)) or address, left)
            for name, address, left in targets.get(row.pk, [])
        ]
        shown = {row.from_shown, row.to_shown, row.answered_by}  # type: ignore[attr-defined]
        row.joined = [name for name, _ in came if name not in shown]  # type: ignore[attr-defined]
        row.ender = {  # type: ignore[attr-defined]
            "caller": row.from_shown,  # type: ignore[attr-defined]
            "callee": row.answered_by or row.to_shown,  # type: ignore[attr-defined]
            "target": next((name for name, left in reversed(came) if left), ""),
        }.get(row.ended_by or "", "")
        row.direction = direction(row, row.pk in dialled_here)  # type: ignore[attr-defined]
        row.talked = talked(row, now)  # type: ignore[attr-defined]
    return rows


def names_of(projects: set[UUID], addresses: set[str]) -> dict[tuple[UUID, str], str]:
    """The names in the directory of those `/context/name`, by project and address."""
    names = {text.rsplit("/", 1)[1] for text in addresses if text.startswith("/") and text.count("/") == 2}
    rows = Address.objects.filter(project_id__in=projects, name__in=names).exclude(display_name="")
    return {(row.project_id, row.text): row.display_name for row in rows}


def direction(row: models.Call, dialled_here: bool) -> str:
    """`inbound` from a phone network or a SIP peer, `outbound` to one, else `internal`. A call of the API has
    no caller's leg; its `from` is the number that it shows."""
    if dialled_here and row.from_address.startswith(("+", "sip:", "sips:")):
        return "inbound"
    return "outbound" if row.to_address.startswith(("+", "sip:", "sips:")) else "internal"


def talked(row: models.Call, now: datetime) -> int | None:
    """Seconds from the answer to the end, or until now; None where nobody answered."""
    if row.answered_at is None:
        return None
    return max(0, round(((row.ended_at or now) - row.answered_at).total_seconds()))
