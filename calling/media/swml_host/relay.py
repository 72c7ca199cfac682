"""A script's conversation relay: an operation of the call, followed to its end. No sound is handled here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from calling import models
from calling.commands import operation_params, operations
from calling.commands.params import InvalidParams
from calling.machine.inputs import Refused
from calling.media.swml_host.background import latest
from calling.media.swml_host.party import Outcome, ScriptParty
from calling.models.ids import uuid7
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.swml import actions
from rest.errors import ApiError

LOOK_SECONDS: Final = 0.25
FAILED_RELAY: Final[Outcome] = {"result": "failed", "relay_result": "failed"}

Follow = Callable[[str, str, str], Awaitable[None]]
"""(verb, control_id, status_url): what becomes of it is told there."""


class RelayActions:
    """`connect` to a program. `forget_keys` drops the keys that it has taken."""

    def __init__(self, party: ScriptParty, follow: Follow, forget_keys: Callable[[], None]) -> None:
        self.party, self._session = party, party.session
        self._follow, self._forget_keys = follow, forget_keys

    async def connect_relay(self, action: actions.ConnectRelay) -> Outcome:
        """Until the program, the party or a `stop` ends it: an operation of the call, followed by its row."""
        await self.party.answer(action)
        if self.party.plan.leg_id is None:
            return FAILED_RELAY
        resumed, self.party.resumed = self.party.resumed, False
        try:
            call_id = self.party.plan.call_id
            row = await self._session.desk.run(latest, call_id, "relay", "") if resumed else None
            if row is None:
                _, params = operation_params.read("relay", dict(action.asked))
                row = await self._begun(params, action.status_url)
        except (InvalidParams, ApiError) as problem:
            return {**FAILED_RELAY, "reason": why(problem)}
        except (Refused, *DATABASE_UNAVAILABLE) as problem:
            return {**FAILED_RELAY, "reason": str(problem)[:100]}
        try:
            return relayed(await self._to_its_end(row))
        finally:
            self._forget_keys()

    async def _begun(self, params: dict[str, Any], status_url: str) -> models.Operation:
        call_id, control_id = self.party.plan.call_id, str(uuid7())
        await self._follow("relay", control_id, status_url)
        row: models.Operation = await self._session.desk.run(
            operations.operate, call_id, self.party.plan.leg_id, "relay", control_id, params
        )
        self._session.look()
        return row

    async def _to_its_end(self, row: models.Operation) -> models.Operation | None:
        """Its row then; None where that is gone. A script that ends takes its relay along."""
        try:
            while row.state in operations.LIVE:
                await self._session.change(LOOK_SECONDS)
                with contextlib.suppress(*DATABASE_UNAVAILABLE):
                    row = await self._session.desk.run(models.Operation.objects.get, pk=row.pk)
            return row
        except models.Operation.DoesNotExist:
            return None
        except asyncio.CancelledError:
            with contextlib.suppress(ApiError, Refused, *DATABASE_UNAVAILABLE):
                await self._session.desk.run(
                    operations.control_operation, row.call_id, "relay", row.control_id, "stop"
                )
            raise


def relayed(row: models.Operation | None) -> Outcome:
    """What a script learns of a relay that is over."""
    if row is None or row.state == "failed":
        reason = str(row.result.get("reason") or "failed")[:100] if row is not None else "failed"
        return {**FAILED_RELAY, "reason": reason}
    found = row.result
    return {
        "result": "connected",
        "relay_result": found.get("reason", ""),
        "handoff_data": found.get("handoff_data", ""),
        "session_id": found.get("session_id", ""),
    }


def why(problem: InvalidParams | ApiError) -> str:
    code = problem.faults[0].code if isinstance(problem, InvalidParams) else getattr(problem, "code", "")
    return str(code or "failed")[:64]
