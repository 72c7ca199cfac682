"""What a script has understood by a speech worker: a conversation relay, and the words of a `prompt`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from calling import models
from calling.commands import operation_params, operations
from calling.commands.params import InvalidParams
from calling.machine.inputs import Refused
from calling.media.operations.digits import RECOGNISED_SECONDS
from calling.media.operations.hearing import Hearing
from calling.media.swml_host.background import BackgroundActions, latest
from calling.media.swml_host.connect import FAILED, Outcome
from calling.models.ids import uuid7
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.speech.link import SpeechFailed
from calling.swml import actions
from rest.errors import ApiError

LOOK_SECONDS: Final = 0.25
FAILED_RELAY: Final[Outcome] = {"result": "failed", "relay_result": "failed"}


class SpokenActions(BackgroundActions):
    """`connect` to a program, and words in the place of keys."""

    async def connect_relay(self, action: actions.ConnectRelay) -> Outcome:
        """Until the program, the party or a `stop` ends it: an operation of the call, followed by its row."""
        await self.answer(action)
        if self.plan.leg_id is None:
            return FAILED_RELAY
        resumed, self.resumed = self.resumed, False
        try:
            row = await self.session.desk.run(latest, self.plan.call_id, "relay", "") if resumed else None
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
            self.forget_keys()

    async def _begun(self, params: dict[str, Any], status_url: str) -> models.Operation:
        call_id, control_id = self.plan.call_id, str(uuid7())
        await self.follow("relay", control_id, status_url)
        row: models.Operation = await self.session.desk.run(
            operations.operate, call_id, self.plan.leg_id, "relay", control_id, params
        )
        self.session.look()
        return row

    async def _to_its_end(self, row: models.Operation) -> models.Operation | None:
        """Its row then; None where that is gone. A script that ends takes its relay along."""
        try:
            while row.state in operations.LIVE:
                await self.session.change(LOOK_SECONDS)
                with contextlib.suppress(*DATABASE_UNAVAILABLE):
                    row = await self.session.desk.run(models.Operation.objects.get, pk=row.pk)
            return row
        except models.Operation.DoesNotExist:
            return None
        except asyncio.CancelledError:
            with contextlib.suppress(ApiError, Refused, *DATABASE_UNAVAILABLE):
                await self.session.desk.run(
                    operations.control_operation, row.call_id, "relay", row.control_id, "stop"
                )
            raise

    def forget_keys(self) -> None:
        """Keys that a program has taken are not those of the next step."""

    async def listen(self, spoken: Mapping[str, Any]) -> Hearing | None:
        """An ear for the fields of a collect's `speech`; None where nobody can hear."""
        if self.plan.leg_id is None:
            return None
        hearing = Hearing(self.session, self.plan.leg_id)
        try:
            _, params = operation_params.read("collect", {"speech": dict(spoken)})
            asked = params["speech"]
            await hearing.open({"job": "transcribe", **asked, "early": True})
        except (ApiError, InvalidParams, SpeechFailed):
            hearing.close()
            return None
        return hearing


async def voice(hearing: Hearing) -> None:
    """Until somebody speaks. Raises SpeechFailed."""
    while (await hearing.words()).get("say") != "voice":
        pass


async def sentence(hearing: Hearing, longest: float) -> Outcome:
    """The words of the utterance that goes on, `longest` seconds long at most."""
    try:
        async with asyncio.timeout(longest + RECOGNISED_SECONDS):
            while True:
                said = await hearing.words()
                if said.get("say") == "final":
                    found = {"value": said["text"], "confidence": said.get("confidence")}
                    return {"result": "match_speech", **found}
    except TimeoutError:
        return {"result": "no_match"}
    except SpeechFailed:
        return FAILED


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
