"""The `stream` operation: a leg's sound to and from a WebSocket of the project."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from calling import models
from calling.media.operations.media_stream import StreamFailed
from calling.media.operations.media_stream_job import MediaStreamJob
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.session.rows import OperationRow


class Stream(RunningOperation):
    """`stream`: a leg's sound to a WebSocket, and back."""

    job: MediaStreamJob | None = None

    async def work(self) -> dict[str, Any]:
        wanted = self.wanted
        if wanted.leg_id is None:
            raise OperationFailed("a stream needs a leg")
        project_id, key = await self.session.desk.run(project_of, wanted.call_id)
        self.job = MediaStreamJob(self.session, wanted.call_id, wanted.leg_id, wanted.params, project_id, key)
        stream = self.job.open()
        holding = asyncio.get_running_loop().create_task(self.job.run())
        begun = asyncio.get_running_loop().create_task(stream.started.wait())
        digits = asyncio.get_running_loop().create_task(self._pass_digits())
        if self.wanted.control == "stop":
            self.job.stop()
        try:
            await asyncio.wait({holding, begun}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                self.started({"stream_id": stream.stream_id})
            await holding
        except StreamFailed as problem:
            raise OperationFailed(str(problem)) from problem
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

    def control(self, wanted: OperationRow) -> None:
        super().control(wanted)
        if wanted.control == "stop" and self.job is not None:
            self.job.stop()


def project_of(call_id: str) -> tuple[str, str]:
    """(project id, signing key) of a call."""
    project = models.Call.objects.select_related("project").get(pk=call_id).project
    return str(project.pk), str(project.signing_key)
