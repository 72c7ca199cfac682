"""What a script starts and leaves running: recordings and streams, as operations of the call.

They are rows like those a back end asks for, so that `calling.record.stop`, the call's events and a
`status_url` reach them under their control_id, and they outlive the script that began them.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from django.conf import settings

from calling import models
from calling.calls import status_urls
from calling.commands import operation_params, operations
from calling.commands.params import InvalidParams
from calling.machine.inputs import Refused
from calling.media.recording.rows import link
from calling.media.swml_host.party import FAILED, Outcome, ScriptParty
from calling.models.ids import uuid7
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.swml import actions
from calling.swml.checks import BadScript
from rest.errors import ApiError

BEGIN_SECONDS: Final = 10.0
END_SECONDS: Final = 5.0
STEP_SECONDS: Final = 0.1
HUMAN: Final = {"person": "human", "silence": "unknown"}  # as SWML has it
RECORDED: Final = (
    "format", "stereo", "direction", "beep", "terminators", "initial_timeout", "end_silence_timeout",
    "max_length", "input_sensitivity",
)  # fmt: skip


def record_params(action: actions.Record) -> dict[str, Any]:
    """A recording's params as `calling.commands.operation_params` gives them."""
    return {name: getattr(action, name) for name in RECORDED} | {"script": True}


class BackgroundActions:
    """`record_call`, `stop_record_call`, `stream`, `tap` and their ends, `detect_machine`."""

    def __init__(self, party: ScriptParty) -> None:
        self.party, self._session = party, party.session

    async def start_record(self, action: actions.StartRecord) -> Outcome:
        await self.party.answer(action)
        row = await self._start("record", action.control_id, record_params(action), action.status_url)
        if row is None:
            return FAILED
        recording = row.result.get("recording_id")
        url = {"url": link(recording, self.party.row.project_id)} if recording else {}
        return {"result": "success", "control_id": row.control_id, **url}

    async def stop_record(self, action: actions.StopRecord) -> Outcome:
        row = await self._stop("record", action.control_id)
        if row is None or row.state != "finished":
            return FAILED
        found = {key: row.result[key] for key in ("url", "duration_ms", "size") if key in row.result}
        return {"result": "success", "control_id": row.control_id, **found}

    async def start_stream(self, action: actions.StartStream) -> Outcome:
        await self.party.answer(action)
        if self.party.plan.leg_id is None:
            return FAILED
        params = {
            "url": action.url,
            "track": action.track,
            "codec": action.codec,
            "name": action.name,
            "bidirectional": action.bidirectional,
            "authorization_bearer_token": action.bearer,
            "custom_parameters": {str(name): str(value) for name, value in action.parameters.items()},
        }
        url = action.status_url
        row = await self._start("stream", action.control_id, params, url, told_as=action.verb)
        return FAILED if row is None else {"result": "success", "control_id": row.control_id}

    async def stop_stream(self, action: actions.StopStream) -> Outcome:
        row = await self._stop("stream", action.control_id)
        return FAILED if row is None else {"result": "success"}

    async def detect_machine(self, action: actions.DetectMachine) -> Outcome:
        """Who is at the other end; a machine's beep too, where it is waited for."""
        await self.party.answer(action)
        if self.party.plan.leg_id is None or settings.CALLWRIGHT_SPEECH_WORKERS == 0:
            return FAILED
        params = {**action.thresholds, "timeout": action.timeout, "wait_for_beep": action.message_end}
        row = await self._start("detect", "", params, action.status_url)
        if row is not None and action.wait:
            row = await self._follow_row(row, operations.LIVE, action.timeout + END_SECONDS)
        if row is None or row.state == "failed":
            return FAILED
        result = str(row.result.get("result") or "unknown")
        beep, found_at = row.result.get("beep"), row.result.get("at_ms")
        return {"result": HUMAN.get(result, result), "beep": beep is not None, "ms": found_at}

    async def start_transcribe(self, action: actions.StartTranscribe) -> Outcome:
        await self.party.answer(action)
        try:
            _, params = operation_params.read("transcribe", dict(action.asked))
        except (ApiError, InvalidParams):
            return FAILED  # no speech worker, no recogniser, or not of that language
        row = await self._start("transcribe", "", params, action.status_url, of_all=action.of_all)
        return FAILED if row is None else {"result": "success", "control_id": row.control_id}

    async def stop_transcribe(self, action: actions.StopTranscribe) -> Outcome:
        row = await self._stop("transcribe", "")
        return FAILED if row is None else {"result": "success"}

    async def start_denoise(self, action: actions.StartDenoise) -> Outcome:
        await self.party.answer(action)
        if self.party.plan.leg_id is None or settings.CALLWRIGHT_SPEECH_WORKERS == 0:
            return FAILED
        row = await self._start("denoise", "", {}, "")
        return FAILED if row is None else {"result": "success"}

    async def stop_denoise(self, action: actions.StopDenoise) -> Outcome:
        row = await self._stop("denoise", "")
        return FAILED if row is None else {"result": "success"}

    async def follow(self, verb: str, control_id: str, url: str) -> None:
        """What becomes of an operation is told to `url`, where there is one."""
        if url:
            with contextlib.suppress(*DATABASE_UNAVAILABLE):
                await self._session.desk.run(tell_at, self.party.plan.call_id, verb, control_id, url)

    async def _start(
        self,
        verb: str,
        control_id: str,
        params: dict[str, Any],
        status_url: str,
        *,
        of_all: bool = False,
        told_as: str = "",
    ) -> models.Operation | None:
        """Ask for it and wait until it goes on. None where it does not. `told_as`: its status_url's word for
        it, where that is not ours."""
        control_id = control_id or str(uuid7())
        call_id, leg_id = self.party.plan.call_id, None if of_all else self.party.plan.leg_id
        try:
            await self.follow(told_as or verb, control_id, status_url)
            row = await self._session.desk.run(operations.operate, call_id, leg_id, verb, control_id, params)
        except (ApiError, Refused, *DATABASE_UNAVAILABLE):
            return None
        self._session.look()
        found = await self._follow_row(row, ("wanted",), BEGIN_SECONDS)
        return None if found is None or found.state == "failed" else found

    async def _stop(self, verb: str, control_id: str) -> models.Operation | None:
        """End the one of that control_id, or the one that began last; its row then."""
        call_id = self.party.plan.call_id
        try:
            row = await self._session.desk.run(latest, call_id, verb, control_id)
            if row is None:
                return None
            await self._session.desk.run(operations.control_operation, call_id, verb, row.control_id, "stop")
        except (ApiError, Refused, *DATABASE_UNAVAILABLE):
            return None
        self._session.look()
        return await self._follow_row(row, operations.LIVE, END_SECONDS)

    async def _follow_row(
        self, row: models.Operation, states: tuple[str, ...], seconds: float
    ) -> models.Operation | None:
        """Wait while the row says one of `states`; the row then, None where it takes too long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            try:
                found = await self._session.desk.run(models.Operation.objects.get, pk=row.pk)
            except (models.Operation.DoesNotExist, *DATABASE_UNAVAILABLE):
                return None
            if found.state not in states:
                return found
            await asyncio.sleep(STEP_SECONDS)
        return None


def latest(call_id: str, verb: str, control_id: str) -> models.Operation | None:
    rows = models.Operation.objects.filter(call_id=call_id, verb=verb, state__in=operations.LIVE)
    if control_id:
        rows = rows.filter(control_id=control_id)
    return rows.order_by("-created_at").first()


def tell_at(call_id: str, verb: str, control_id: str, url: str) -> None:
    """Once, for a step that comes again. Raises BadScript."""
    told = models.WebhookEndpoint.objects.filter(call_id=call_id)
    here = status_urls.StatusUrl("operation", control_id, verb=verb).stored()
    if told.filter(status_events=here, url=url).exists():
        return
    if told.count() >= status_urls.MOST:
        raise BadScript("", f"the script has more than {status_urls.MOST} status_urls in one call")
    status_urls.tell_operation(models.Call.objects.get(pk=call_id), verb, control_id, url)
