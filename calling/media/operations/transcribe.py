"""The `transcribe` operation: what a leg says, or everybody in the call, as words while it goes on."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from calling.commands import operations
from calling.machine.states import Party
from calling.media.operations.hearing import NOW_AND_THEN, Hearing
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow
from calling.speech.link import SpeechFailed
from calling.speech.redaction import redact

LOOK_SECONDS: Final = 1.0
LAST_WORDS_SECONDS: Final = 15.0
MOST_TEXT: Final = 20_000
TOLD: Final = ("text", "confidence", "start_ms", "end_ms")


class Transcribe(RunningOperation):
    """`transcribe`: `transcribe.partial` and `transcribe.final` for each leg that it hears."""

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        super().__init__(wanted, session)
        self._legs: dict[str, Hearing] = {}
        self._listening: set[asyncio.Task[None]] = set()
        self._segments = 0
        self._dropped_ms = 0
        self._text = ""

    async def work(self) -> dict[str, Any]:
        try:
            for leg_id in self._wanted():
                await self._hear(leg_id)
            self.started({"model": self.wanted.params["model"], "language": self.wanted.params["language"]})
            stopping = asyncio.get_running_loop().create_task(self.stopped.wait())
            try:
                await self._follow(stopping)
            finally:
                stopping.cancel()
            await self._last_words()
        except SpeechFailed as why:
            raise OperationFailed(str(why)) from why
        finally:
            for task in self._listening:
                task.cancel()
            for hearing in self._legs.values():
                hearing.close()
        return self.remains()

    @property
    def _language(self) -> str:
        return str(self.wanted.params["language"])

    def remains(self) -> dict[str, Any]:
        dropped = self._dropped_ms + sum(each.dropped_ms for each in self._legs.values())
        return {"segments": self._segments, "text": self._text, "dropped_ms": dropped}

    def _wanted(self) -> list[str]:
        """The legs to hear: the one asked for, or every party of the call."""
        if self.wanted.leg_id is not None:
            return [self.wanted.leg_id]
        call = self.session.calls.get(self.wanted.call_id)
        legs = call.live_legs if call is not None else ()
        return [each.id for each in legs if each.answered and each.party is not Party.APP and each.peer_id]

    async def _hear(self, leg_id: str) -> None:
        hearing = Hearing(self.session, leg_id, NOW_AND_THEN)
        await hearing.open({"job": "transcribe", **self.wanted.params})
        self._legs[leg_id] = hearing
        self._listening.add(asyncio.get_running_loop().create_task(self._listen(hearing)))

    async def _follow(self, stopping: asyncio.Task[Any]) -> None:
        """Until it is to stop; who joins the call meanwhile is heard too. Raises SpeechFailed."""
        while not stopping.done():
            done, _ = await asyncio.wait(
                {stopping, *self._listening}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                self._listening.discard(task)
                task.result()
            wanted = self._wanted()
            for leg_id in list(self._legs.keys() - set(wanted)):
                self._legs[leg_id].end()
                self._dropped_ms += self._legs.pop(leg_id).dropped_ms
            for leg_id in wanted:
                if leg_id not in self._legs and not stopping.done():
                    await self._hear(leg_id)

    async def _last_words(self) -> None:
        for hearing in self._legs.values():
            hearing.end()
        if self._listening:
            done, _ = await asyncio.wait(self._listening, timeout=LAST_WORDS_SECONDS)
            for task in done:
                task.result()

    async def _listen(self, hearing: Hearing) -> None:
        """What the worker says of one leg, told as it comes, until it has finished."""
        while True:
            said = await hearing.words()
            word = said.get("say")
            if word == "finished":
                self._dropped_ms += max(0, int(said.get("dropped_ms", 0)) - hearing.dropped_ms)
                return
            if "text" in said and self.wanted.params.get("redact"):
                said["text"] = redact(str(said["text"]), self.wanted.params["redact"], self._language)
            if word == "final":
                self._segments += 1
                self._text = f"{self._text} {said.get('text', '')}".strip()[:MOST_TEXT]
            if word in ("partial", "final"):
                self._tell(word, hearing.leg_id, {name: said[name] for name in TOLD if name in said})

    def _tell(self, word: str, leg_id: str, data: dict[str, Any]) -> None:
        wanted, fence = self.wanted, (self.session.id, self.session.epoch)
        if wanted.params.get("captions"):
            data = {**data, "captions": True}  # the devices of the call are told too
        self.session.signal_queue.work(
            wanted.call_id, lambda: operations.told(wanted.id, word, data, leg_id=leg_id, fence=fence)
        )
