"""What a script's actions do to the call it talks to: the media worker's side of `calling.scripts.run`.

Every change of the call goes through the door (`calling.placing`, the session's lane); sound goes to the
party's peer. Outcomes are those `calling.scripts.actions` names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from calling import models
from calling.machine.plan import ProgramPlan
from calling.media.desk import AWAY
from calling.media.program_facts import item_of
from calling.media.program_parties import FAILED, Outcome, Parties
from calling.media.recording_job import Job
from calling.media.sounding import CannotPlay, Sounding
from calling.media.stream import StreamFailed
from calling.media.stream_job import StreamJob
from calling.models.ids import uuid7
from calling.scripts import actions

if TYPE_CHECKING:
    from calling.media.session import Session

log = logging.getLogger(__name__)


class ProgramHost(Parties):
    """One script run's hands."""

    def __init__(self, plan: ProgramPlan, session: Session, row: models.ScriptRun, key: str) -> None:
        super().__init__(plan, session, row)
        self.digits: asyncio.Queue[str] = asyncio.Queue(maxsize=256)
        self._key = key
        self._records: dict[str, tuple[Job, asyncio.Task[dict[str, Any]]]] = {}
        self._streams: dict[str, tuple[StreamJob, asyncio.Task[None]]] = {}

    # --- sound

    async def play(self, action: actions.Play) -> Outcome:
        return await self._sound(self._sounding(action.playing))

    def _sounding(self, playing: actions.Playing) -> Sounding:
        items = [item_of(each, playing) for each in playing.items]
        return Sounding(items, self.give, volume=playing.volume, loops=playing.loops)

    async def _sound(self, sounding: Sounding) -> Outcome:
        try:
            return {"result": await sounding.play()}
        except CannotPlay as why:
            log.info("A script could not play", extra={"why": str(why)})
            return FAILED

    async def prompt(self, action: actions.Prompt) -> Outcome:
        """Play and take keys; the first key stops the sound. Keys pressed before count."""
        await self.answer(actions.Answer(action.path))
        sounding = self._sounding(action.playing)
        playing = asyncio.get_running_loop().create_task(self._sound(sounding))
        first = asyncio.get_running_loop().create_task(self.digits.get())
        try:
            await asyncio.wait({playing, first}, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                await asyncio.wait({first}, timeout=action.initial_timeout)
            sounding.stop()
            await playing
            if not first.done():
                return FAILED if playing.result() == FAILED else {"result": "no_input"}
            return await self._digits(first.result(), action)
        finally:
            for task in (playing, first):
                task.cancel()
            self.give(None)

    async def _digits(self, digit: str, action: actions.Prompt) -> Outcome:
        got, terminator = "", ""
        while True:
            if digit in action.terminators:
                terminator = digit
                break
            got += digit
            if len(got) >= action.max_digits:
                break
            try:
                digit = await asyncio.wait_for(self.digits.get(), action.digit_timeout)
            except TimeoutError:
                break
        result = "match_digits" if got else "no_match"
        return {"result": result, "value": got, "terminator": terminator}

    async def send_digits(self, action: actions.SendDigits) -> Outcome:
        peer = self.peer()
        sent = peer is not None and peer.port.send_digits(action.digits)
        return {"result": "finished"} if sent else FAILED

    # --- recording and streams

    async def record(self, action: actions.Record) -> Outcome:
        await self.answer(actions.Answer(action.path))
        job = self._job(action, str(uuid7()))
        try:
            await self._begin(job)
            ending = asyncio.get_running_loop().create_task(self._terminator(job, action.terminators))
            try:
                found = await self._finish(job)
            finally:
                ending.cancel()
        except OSError:
            return FAILED
        return {**found, "result": "no_input" if found["reason"] == "no_input" else "finished"}

    def _job(self, action: actions.Record, control_id: str) -> Job:
        names = (
            "format",
            "stereo",
            "direction",
            "beep",
            "initial_timeout",
            "end_silence_timeout",
            "max_length",
        )
        params = {name: getattr(action, name) for name in names}
        return Job(self.session, self.plan.call_id, self.plan.leg_id, control_id, {**params, "script": True})

    async def _begin(self, job: Job) -> None:
        try:
            begun = await job.start()
        except OSError:
            self._tell(job, "record.failed", {"reason": "the recording could not be written"})
            raise
        self._tell(job, "record.started", begun)

    async def _finish(self, job: Job) -> dict[str, Any]:
        try:
            found = await job.finish()
        except OSError as problem:
            self._tell(job, "record.failed", {"reason": problem.strerror or "error"})
            raise
        self._tell(job, "record.finished", found)
        return found

    def _tell(self, job: Job, type: str, data: dict[str, Any]) -> None:
        session, call_id, leg_id = self.session, job.call_id, job.leg_id
        body = {"control_id": job.control_id, "verb": "record", **data}
        session.lane.work(call_id, lambda: session.record(type, call_id, leg_id, body))

    async def _terminator(self, job: Job, terminators: str) -> None:
        while terminators:
            if await self.digits.get() in terminators and job.recorder is not None:
                job.recorder.stop("terminator")

    async def start_record(self, action: actions.StartRecord) -> Outcome:
        await self.answer(actions.Answer(action.path))
        control_id = action.control_id or str(uuid7())
        if control_id in self._records:
            return FAILED
        job = self._job(action, control_id)
        try:
            await self._begin(job)
        except OSError:
            return FAILED
        self._records[control_id] = (job, asyncio.get_running_loop().create_task(self._finish(job)))
        return {"result": "success", "control_id": control_id}

    async def stop_record(self, action: actions.StopRecord) -> Outcome:
        control_id = action.control_id or next(iter(self._records), "")
        job, ending = self._records.pop(control_id, (None, None))
        if job is None or ending is None:
            return FAILED
        job.stop()
        try:
            return {"result": "success", "control_id": control_id, **await ending}
        except OSError:
            return FAILED

    async def start_stream(self, action: actions.StartStream) -> Outcome:
        control_id = action.control_id or str(uuid7())
        if self.plan.leg_id is None or control_id in self._streams:
            return FAILED
        await self.answer(actions.Answer(action.path))
        params = {
            "url": action.url,
            "track": action.track,
            "codec": action.codec,
            "bidirectional": action.bidirectional,
            "authorization_bearer_token": action.bearer,
            "custom_parameters": {str(name): str(value) for name, value in action.parameters.items()},
        }
        project = str(self.row.project_id)
        job = StreamJob(self.session, self.plan.call_id, self.plan.leg_id, params, project, self._key)
        task = asyncio.get_running_loop().create_task(self._hold_stream(job))
        self._streams[control_id] = (job, task)
        return {"result": "success", "control_id": control_id}

    async def _hold_stream(self, job: StreamJob) -> None:
        try:
            await job.run()
        except StreamFailed as why:
            log.info("A script's stream failed", extra={"why": str(why)})

    async def stop_stream(self, action: actions.StopStream) -> Outcome:
        control_id = action.control_id or next(iter(self._streams), "")
        job, task = self._streams.pop(control_id, (None, None))
        if job is None or task is None:
            return FAILED
        job.stop()
        await asyncio.wait({task}, timeout=3)
        return {"result": "success"}

    def digit(self, digit: str) -> None:
        """The party pressed a key."""
        for job, _ in self._streams.values():
            job.digit(digit)
        if not self.digits.full():
            self.digits.put_nowait(digit)

    # --- keeping

    async def keep(self, progress: Mapping[str, Any]) -> None:
        """Write down where the script is, so that another worker may go on."""
        run_id, caller = self.row.pk, self.row.progress.get("caller")
        kept = {"run": dict(progress), **({"caller": caller} if caller else {})}
        with contextlib.suppress(*AWAY):
            await self.session.desk.run(
                lambda: models.ScriptRun.objects.filter(pk=run_id).update(progress=kept, state="running")
            )

    async def close(self) -> None:
        """End what runs in the background."""
        for job, _ in self._records.values():
            job.stop()
        for stream, _ in self._streams.values():
            stream.stop()
        tasks = [task for _, task in self._records.values()] + [task for _, task in self._streams.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=3)
            for task in tasks:
                task.cancel()
