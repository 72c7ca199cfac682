"""The script runs of a session: one task each, talking with the party that the plan names.

Loading and ending is done here; the steps are `calling.swml.run`, what they do to the call
`host`. A run that cannot go on ends with an error, which ends its call `script_error`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from calling import models
from calling.machine import inputs
from calling.machine.plan import ScriptRunPlan
from calling.machine.states import Call, CallState, LegState
from calling.media.operations.playback import asker_of
from calling.media.session.context import SessionContext
from calling.media.swml_host import first_sound
from calling.media.swml_host.host import ScriptHost
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.swml import load
from calling.swml.checks import BadScript
from calling.swml.parse import Document
from calling.swml.run import End, Runner

log = logging.getLogger(__name__)


class ScriptRunTask:
    """One script run at work."""

    def __init__(
        self, plan: ScriptRunPlan, session: SessionContext, bring: Callable[[Document, str], None]
    ) -> None:
        self.session = session
        self._plan, self._bring = plan, bring
        self._host: ScriptHost | None = None
        self.task = asyncio.get_running_loop().create_task(self._run())

    @property
    def plan(self) -> ScriptRunPlan:
        return self._plan

    @plan.setter
    def plan(self, plan: ScriptRunPlan) -> None:
        self._plan = plan
        if self._host is not None:
            self._host.party.plan = plan

    def digit(self, peer_id: str, digit: str) -> None:
        if self._host is not None:
            self._host.digit_of(peer_id, digit)

    async def _run(self) -> None:
        end = End()
        try:
            end = await self._go()
        except BadScript as problem:
            end = End(error=str(problem))
        except asyncio.CancelledError:
            return
        except Exception:
            log.exception("A script run failed", extra={"run": self._plan.run_id})
            end = End(error="internal")
        self._over(end)

    def _over(self, end: End) -> None:
        plan, queue = self._plan, self.session.signal_queue
        run_id, error = plan.run_id, end.error
        queue.work(plan.call_id, lambda: keep_end(run_id, error))
        app = self.session.leg(plan.app_leg_id) if plan.app_leg_id else None
        if end.hangup == "busy" and app is not None and app.state is LegState.RINGING:
            queue.signal(plan.call_id, inputs.Reject(app.id, reason="busy"))
        queue.signal(plan.call_id, inputs.ScriptRunEnded(run_id, bool(error)))

    async def _go(self) -> End:
        found = await self._read()
        if found is None:
            raise BadScript("", "the script could not be loaded")
        row, call, key = found
        self._host = ScriptHost(self._plan, self.session, row, call)
        envs = row.progress.get("envs") or {}
        if row.progress.get("run"):
            self._host.party.resumed = True
            return await Runner.resume(row.progress["run"], self._host, signing_key=key).run()
        if row.document is not None:
            document = load.stored(row.document)
        else:
            urls = tuple(url for url in (row.url, row.fallback_url) if url)
            body = {"call": call, "vars": {}, "envs": envs, "params": {}}
            document = await load.first_of(urls, body, signing_key=key)
        self._bring(document, self._plan.call_id)
        return await Runner.begin(document, self._host, call=call, envs=envs, signing_key=key).run()

    async def _read(self) -> tuple[models.ScriptRun, dict[str, Any], str] | None:
        while True:
            with contextlib.suppress(*DATABASE_UNAVAILABLE):
                return await self.session.desk.run(read, self._plan.run_id, self._plan.call_id)
            await asyncio.sleep(0.5)

    def stop(self) -> None:
        self.task.cancel()


def read(run_id: str, call_id: str) -> tuple[models.ScriptRun, dict[str, Any], str] | None:
    """(run, SWML's call object, the project's signing key)."""
    row = models.ScriptRun.objects.select_related("project").filter(pk=run_id).first()
    call = models.Call.objects.filter(pk=call_id).first()
    if row is None or call is None:
        return None
    return row, call_object(call), str(row.project.signing_key)


def call_object(call: models.Call) -> dict[str, Any]:
    """SWML's `call`: what scripts and fetched documents are told."""
    headers = [
        {"name": str(name), "value": str(value)} for name, value in dict(call.out_headers or {}).items()
    ]
    phone = call.kind == "pstn" or call.from_address.startswith("+")
    return {
        "call_id": str(call.pk),
        "node_id": "callwright",
        "segment_id": str(call.pk),
        "call_state": call.state,
        "direction": "outbound" if call.api_dialled else "inbound",
        "type": "sip" if call.kind == "sip" else "phone" if phone else "webrtc",
        "from": call.from_address,
        "to": call.to_address,
        "from_name": call.from_name,
        "diverted_from": call.diverted_from,
        "from_number": call.from_address if call.from_address.startswith("+") else call.caller_id,
        "to_number": call.to_address if call.to_address.startswith("+") else "",
        "headers": headers,
        "project_id": str(call.project_id),
        "space_id": str(call.project_id),
        "metadata": call.metadata or {},
    }


def keep_end(run_id: str, error: str) -> None:
    models.ScriptRun.objects.filter(pk=run_id).update(state="ended", error=error[:500])


class ScriptRunTasks:
    """All script runs of one session."""

    def __init__(self, session: SessionContext) -> None:
        self._session = session
        self._running: dict[str, ScriptRunTask] = {}
        self._foreseen: dict[str, str] = {}  # call: its run to come
        self._bringing: set[asyncio.Task[None]] = set()
        self._stopping: set[asyncio.Task[None]] = set()

    def start(self, plan: ScriptRunPlan) -> None:
        """Begin a run, or tell a running one whom it talks with now."""
        program = self._running.get(plan.run_id)
        if program is not None:
            program.plan = plan
        else:
            self._running[plan.run_id] = ScriptRunTask(plan, self._session, self.bring)

    def foresee(self, calls: Iterable[Call]) -> None:
        """Have what a ringing party will hear first ready when it answers."""
        live = {call.id: call.program for call in calls if call.program and call.live}
        ringing = {call.id for call in calls if call.live and call.state is not CallState.ANSWERED}
        for call_id, run_id in live.items():
            if call_id in ringing and self._foreseen.get(call_id) != run_id:
                self._spawn(self._foresee(call_id, run_id))
        self._foreseen = live

    async def _foresee(self, call_id: str, run_id: str) -> None:
        with contextlib.suppress(BadScript, *DATABASE_UNAVAILABLE):
            found = await self._session.desk.run(read, run_id, call_id)
            if found is not None and found[0].document is not None:
                self.bring(load.stored(found[0].document), call_id)

    def bring(self, document: Document, call_id: str) -> None:
        self._spawn(first_sound.bring(document, partial(self._session.desk.run, asker_of, call_id)))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._bringing.add(task)
        task.add_done_callback(self._bringing.discard)

    def stop(self, run_id: str) -> None:
        program = self._running.pop(run_id, None)
        if program is not None:
            program.stop()
            self._stopping.add(program.task)
            program.task.add_done_callback(self._stopping.discard)

    def digit(self, peer_id: str, digit: str) -> None:
        for program in self._running.values():
            program.digit(peer_id, digit)

    def close(self) -> None:
        for run_id in list(self._running):
            self.stop(run_id)
        for task in self._bringing:
            task.cancel()

    async def closed(self, seconds: float) -> None:
        """Close, and wait until each has reported what it left behind, at most so long."""
        self.close()
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=seconds)
