"""The `record` operation: its row to a recording job, the job's end to a report."""

from __future__ import annotations

import asyncio
from typing import Any

from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.operations.recording_job import RecordingJob
from calling.media.session.rows import OperationRow


class Record(RunningOperation):
    """`record`: a party, or everybody, until stopped, a limit or a terminator."""

    job: RecordingJob | None = None

    async def work(self) -> dict[str, Any]:
        wanted = self.wanted
        self.job = RecordingJob(self.session, wanted.call_id, wanted.leg_id, wanted.control_id, wanted.params)
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
            raise OperationFailed(
                f"the recording could not be written: {problem.strerror or 'error'}"
            ) from problem

    def remains(self) -> dict[str, Any]:
        return self.job.summary("leg_ended") if self.job is not None else {}

    async def _terminators(self) -> None:
        ends = str(self.wanted.params.get("terminators") or "")
        while ends:
            if await self.digits.get() in ends and self.job is not None and self.job.recorder is not None:
                self.job.recorder.stop("terminator")

    def control(self, wanted: OperationRow) -> None:
        before = self.wanted.control
        super().control(wanted)
        self._steer()
        if {before, wanted.control} == {"run", "pause"}:
            self.report("running", "paused" if wanted.control == "pause" else "resumed", {})

    def _steer(self) -> None:
        job = self.job
        if job is None or job.recorder is None:
            return
        job.recorder.paused = self.wanted.control == "pause"
        job.recorder.keeps_time = self.wanted.params.get("behavior") == "silence"
        if self.wanted.control == "stop":
            job.stop()
