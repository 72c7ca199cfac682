"""The `detect` operation: who answered a leg, a person, a machine or a fax, and when a machine beeped.

It may be asked for before the leg is answered; it begins then.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from calling.commands import operations
from calling.media.operations.hearing import Hearing
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow
from calling.speech.link import SpeechFailed

LOOK_SECONDS: Final = 1.0
UNKNOWN: Final = "unknown"


class Detect(RunningOperation):
    """`detect`: one `detect.result`, then `detect.beep` where the message is waited for."""

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        super().__init__(wanted, session)
        self._found: dict[str, Any] = {"result": UNKNOWN}

    async def work(self) -> dict[str, Any]:
        if self.wanted.leg_id is None:
            raise OperationFailed("a detect needs a leg")
        hearing = Hearing(self.session, self.wanted.leg_id)
        stopping = asyncio.get_running_loop().create_task(self.stopped.wait())
        try:
            if not await self._answered(stopping):
                return {**self._found, "reason": "stopped"}
            await hearing.open({"job": "detect", **self.wanted.params})
            self.started()
            reason = await self._follow(hearing, stopping)
        except SpeechFailed as why:
            raise OperationFailed(str(why)) from why
        finally:
            stopping.cancel()
            hearing.close()
        return {**self._found, "reason": reason}

    def remains(self) -> dict[str, Any]:
        return self._found

    async def _answered(self, stopping: asyncio.Task[Any]) -> bool:
        """Wait for the answer; False where it is stopped before."""
        while not stopping.done():
            leg = self.session.leg(self.wanted.leg_id or "")
            if leg is not None and leg.answered and self.session.peer_of_leg(leg.id) is not None:
                return True
            changing = asyncio.ensure_future(self.session.change(LOOK_SECONDS))
            await asyncio.wait({stopping, changing}, return_when=asyncio.FIRST_COMPLETED)
            changing.cancel()
        return False

    async def _follow(self, hearing: Hearing, stopping: asyncio.Task[Any]) -> str:
        """Why it ended: `detected beep message_over timeout stopped`. Raises SpeechFailed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + float(self.wanted.params.get("timeout") or 30)
        while True:
            saying = loop.create_task(hearing.words())
            left = max(0.0, until - loop.time())
            await asyncio.wait({saying, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not saying.done():
                saying.cancel()
                return "stopped" if stopping.done() else "timeout"
            if reason := self._take(saying.result()):
                return reason

    def _take(self, said: dict[str, Any]) -> str:
        """Tell what was found; why it is over, where that was what was waited for."""
        word, data = said.get("say"), {key: value for key, value in said.items() if key != "say"}
        waits = bool(self.wanted.params.get("wait_for_beep"))
        if word == "result":
            self._found = {"result": data["result"], "at_ms": data["at_ms"]}
            self._tell("result", data)
            return "" if waits and data["result"] == "machine" else "detected"
        if word == "beep":
            self._found["beep"] = data
            self._tell("beep", data)
            return "beep" if waits else ""
        return "message_over" if waits and word == "message_over" else ""

    def _tell(self, word: str, data: dict[str, Any]) -> None:
        wanted, fence = self.wanted, (self.session.id, self.session.epoch)
        self.session.signal_queue.work(
            wanted.call_id, lambda: operations.told(wanted.id, word, data, fence=fence)
        )
