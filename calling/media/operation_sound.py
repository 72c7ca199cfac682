"""The `record` and `stream` operations: rows to jobs, jobs to reports."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from calling import models
from calling.media.operations import MAKERS, Failed, Running
from calling.media.recording_job import Job
from calling.media.rows import Wanted
from calling.media.stream import StreamFailed
from calling.media.stream_job import StreamJob


class Record(Running):
    """`record`: a party, or everybody, until stopped, a limit or a terminator."""

    job: Job | None = None

    async def work(self) -> dict[str, Any]:
        wanted = self.wanted
        self.job = Job(self.session, wanted.call_id, wanted.leg_id, wanted.control_id, wanted.params)
        try:
            begun = await self.job.start()
            self._steer()
            self.started(begun)
            watch = asyncio.get_running_loop().create_task(self._terminators())
            try:
                return await self.job.finish()
            finally:
                watch.cancel()
        except OSError as problem:
            raise Failed(f"the recording could not be written: {problem.strerror or 'error'}") from problem

    def remains(self) -> dict[str, Any]:
        return self.job.summary("leg_ended") if self.job is not None else {}

    async def _terminators(self) -> None:
        ends = str(self.wanted.params.get("terminators") or "")
        while ends:
            if await self.digits.get() in ends and self.job is not None and self.job.recorder is not None:
                self.job.recorder.stop("terminator")

    def wish(self, wanted: Wanted) -> None:
        before = self.wanted.wish
        super().wish(wanted)
        self._steer()
        if {before, wanted.wish} == {"run", "pause"}:
            self.report("running", "paused" if wanted.wish == "pause" else "resumed", {})

    def _steer(self) -> None:
        job = self.job
        if job is None or job.recorder is None:
            return
        job.recorder.paused = self.wanted.wish == "pause"
        job.recorder.keeps_time = self.wanted.params.get("behavior") == "silence"
        if self.wanted.wish == "stop":
            job.stop()


class Stream(Running):
    """`stream`: a leg's sound to a WebSocket, and back."""

    job: StreamJob | None = None

    async def work(self) -> dict[str, Any]:
        wanted = self.wanted
        if wanted.leg_id is None:
            raise Failed("a stream needs a leg")
        project_id, key = await self.session.desk.run(project_of, wanted.call_id)
        self.job = StreamJob(self.session, wanted.call_id, wanted.leg_id, wanted.params, project_id, key)
        stream = self.job.open()
        holding = asyncio.get_running_loop().create_task(self.job.run())
        begun = asyncio.get_running_loop().create_task(stream.started.wait())
        digits = asyncio.get_running_loop().create_task(self._pass_digits())
        if self.wanted.wish == "stop":
            self.job.stop()
        try:
            await asyncio.wait({holding, begun}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                self.started({"stream_id": stream.stream_id})
            await holding
        except StreamFailed as problem:
            raise Failed(str(problem)) from problem
        finally:
            for task in (holding, begun, digits):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, StreamFailed):
                await holding
        return {}

    async def _pass_digits(self) -> None:
        while True:
            digit = await self.digits.get()
            if self.job is not None:
                self.job.digit(digit)

    def wish(self, wanted: Wanted) -> None:
        super().wish(wanted)
        if wanted.wish == "stop" and self.job is not None:
            self.job.stop()


def register() -> None:
    """Let `operations` find these two."""
    MAKERS.update({"record": Record, "stream": Stream})


def project_of(call_id: str) -> tuple[str, str]:
    """(project id, signing key) of a call."""
    project = models.Call.objects.select_related("project").get(pk=call_id).project
    return str(project.pk), str(project.signing_key)
