"""What a script asks of one destination of its `connect`, and who is told what becomes of it. Rows only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from calling import dialling, models
from calling.machine.states import Leg, Party
from subscribers.addressing import Target
from subscribers.http import problems
from tokens.subjects import Subject


@dataclass(frozen=True)
class Joining:
    """A destination with what its far end is shown. `status_url` is told `calling.call.connect`, `state_url`
    the `calling.call.state` of that leg."""

    to: str
    caller: str = ""
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status_url: str = ""
    state_url: str = ""
    state_events: tuple[str, ...] = ("ended",)


def caller_of(subject: Subject, wish: Joining, target: Target) -> str | None:
    """The number asked for. 422 where a phone or SIP peer would be shown one that is not the project's."""
    outside = target.kind in ("pstn", "sip") and not target.test
    if wish.caller and outside and not dialling.number_of_project(subject.project_id, wish.caller):
        raise problems.Unprocessable(
            "invalid_from_number", "A phone or SIP destination is shown a number of the project.", "from"
        )
    return wish.caller or None


def dressed(leg: Leg, wish: Joining) -> Leg:
    """The leg with the name and headers that its INVITE is to carry."""
    extra: dict[str, Any] = {}
    if wish.name:
        extra["name"] = wish.name
    if wish.headers:
        extra["headers"] = dict(wish.headers)
    if leg.party is not Party.SIP or not extra:
        return leg
    return replace(leg, route=json.dumps({**json.loads(leg.route), **extra}))


def tell(row: models.Call, leg: Leg, wish: Joining) -> None:
    """Endpoints of their own for what becomes of that leg (see `webhooks.status_callback`)."""
    wanted = [(wish.status_url, [f"connect/{leg.id}"])]
    wanted.append((wish.state_url, [f"leg/{leg.id}", *wish.state_events]))
    for url, what in wanted:
        if url:
            models.WebhookEndpoint.objects.create(
                project_id=row.project_id, url=url, call_id=row.id, events=what[:1], status_events=what
            )
