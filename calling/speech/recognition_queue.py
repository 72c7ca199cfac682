"""Whose words are recognised next: one thread, the most urgent first.

Nothing that has begun is interrupted. What nobody wants any more when its turn comes is not recognised, and
words that only show that somebody is heard take what time is left. What is asked, and when, is
`transcriber`'s; how it is recognised, `recogniser`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import clock
from calling.speech.frames import Pcm
from calling.speech.recogniser import Heard

PARTIAL_SHARE: Final = 0.3  # of the thread's time, that partial words may take


class Urgency(IntEnum):
    """How long a question may wait; the smallest comes first."""

    FINAL = 0  # somebody has finished
    EARLY = 1  # somebody pauses, and somebody else waits for an answer
    PATIENT = 2  # of a recording
    IDLE = 3  # where nothing else waits or is recognised, or not at all
    PARTIAL = 4  # the same, and not all of the time


def _always() -> bool:
    return True


@dataclass(eq=False)
class Question:
    """The sound of an utterance. `urgency` may rise while it waits; `wanted` is asked when its turn comes."""

    pcm: Pcm
    urgency: Urgency
    wanted: Callable[[], bool] = _always


class RecognitionQueue:
    """The questions of all parties of a process."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._waiting: list[tuple[Question, asyncio.Future[bool]]] = []
        self._running: Question | None = None
        self._begun = self._rested = 0.0

    async def ask(self, question: Question, work: Callable[[], Heard]) -> Heard | None:
        """`work`'s answer, which blocks; None where it was not wanted, or there was no time."""
        if question.urgency >= Urgency.IDLE and not self._is_idle(question.urgency):
            return None
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((question, turn))
        self._next()
        try:
            if not await turn:
                return None
        except asyncio.CancelledError:
            self._waiting = [each for each in self._waiting if each[1] is not turn]
            if self._running is question:  # its turn had just come
                self._free(question)
            raise
        answer = loop.run_in_executor(self._thread, work)
        answer.add_done_callback(lambda _: self._free(question))
        return await asyncio.shield(answer)  # who no longer waits does not end it

    def _is_idle(self, urgency: Urgency) -> bool:
        if self._running is not None or self._waiting:
            return False
        return urgency is not Urgency.PARTIAL or clock.monotonic() >= self._rested

    def _next(self) -> None:
        while self._running is None and self._waiting:
            first = min(self._waiting, key=lambda each: each[0].urgency)  # of equals the one that came first
            self._waiting.remove(first)
            question, turn = first
            if turn.done():
                continue
            wanted = question.wanted()
            turn.set_result(wanted)
            if wanted:
                self._running, self._begun = question, clock.monotonic()

    def _free(self, question: Question) -> None:
        if self._running is not question:
            return
        now = clock.monotonic()
        if question.urgency is Urgency.PARTIAL:
            self._rested = now + (now - self._begun) * (1 / PARTIAL_SHARE - 1)
        self._running = None
        self._next()
