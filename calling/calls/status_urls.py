"""`status_url`s: endpoints of their own that hear of one call, one of its legs or one of its operations.

How an endpoint's row says what it hears is written and read here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from calling import models
from calling.calls import control

MOST = 100
"""Those of a call's operations: each of its events meets all of them."""
Scope = Literal["call", "connect", "refer", "leg", "operation"]


@dataclass(frozen=True)
class StatusUrl:
    """What one endpoint hears: states of the `call`, the bridge of a leg (`connect`), how a party was
    taken to it (`refer`), states of a `leg`, or
    one `operation` (`verb`, with its control id as `ref`).

    `ref` is else the leg's id; `states` are those asked for, empty for the default.
    """

    scope: Scope
    ref: str = ""
    verb: str = ""
    states: tuple[str, ...] = ()

    @classmethod
    def read(cls, stored: Sequence[str]) -> StatusUrl:
        """From the row's `status_events`."""
        what, slash, ref = stored[0].partition("/") if stored else ("", "", "")
        if not slash:
            return cls("call", states=tuple(stored))
        if what == "connect":
            return cls("connect", ref)
        if what == "refer":
            return cls("refer", ref)
        if what == "leg":
            return cls("leg", ref, states=tuple(stored[1:]))
        return cls("operation", ref, verb=what)

    def stored(self) -> list[str]:
        """For the row's `status_events`."""
        if self.scope == "call":
            return list(self.states)
        return [f"{self.verb or self.scope}/{self.ref}", *self.states]

    def keep(self, row: models.Call, url: str) -> None:
        """Tell `url` from now on; it is signed with the project's signing key."""
        stored = self.stored()
        models.WebhookEndpoint.objects.create(
            project_id=row.project_id,
            url=url,
            call_id=row.id,
            events=[] if self.scope == "call" else stored[:1],
            status_events=stored,
        )


def keep_status_url(row: models.Call) -> None:
    """The `status_url` that a call was dialled with."""
    if row.status_url:
        StatusUrl("call", states=tuple(row.status_events)).keep(row, row.status_url)


def set_status_url(call_id: UUID | str, url: str) -> None:
    """From now on a call's states are told to `url`; the events asked for stay as they are."""

    def work() -> None:
        row = models.Call.objects.select_for_update().get(pk=call_id)
        row.status_url = url
        row.save(update_fields=["status_url"])
        states = models.WebhookEndpoint.objects.filter(call_id=row.id, events=[])
        if not states.update(url=url):
            keep_status_url(row)

    control.in_transaction(work)


def tell_operation(row: models.Call, verb: str, control_id: str, url: str) -> None:
    """An operation's own `status_url`."""
    StatusUrl("operation", control_id, verb=verb).keep(row, url)
