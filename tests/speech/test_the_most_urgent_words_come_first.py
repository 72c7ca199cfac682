"""One thread recognises for all: finals first, what nobody wants is left out, partial words get the rest."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from calling.speech import recognition_queue
from calling.speech.recogniser import Heard
from calling.speech.recognition_queue import PARTIAL_SHARE, Question, RecognitionQueue, Urgency
from calling.speech.threads import Loader
from tests.support.wait import until

SOUND = np.zeros(160, np.int16)


class Stage:
    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.queue = RecognitionQueue(self.thread)
        self.goes_on = threading.Event()
        self.order: list[str] = []

    def ask(self, name: str, urgency: Urgency, **more: object) -> asyncio.Task[Heard | None]:
        return asyncio.create_task(self.put(name, Question(SOUND, urgency, **more)))  # type: ignore[arg-type]

    async def put(self, name: str, question: Question) -> Heard | None:
        return await self.queue.ask(question, lambda: self._work(name))

    def _work(self, name: str) -> Heard:
        self.order.append(name)
        self.goes_on.wait(10)
        return Heard(name, 1.0)

    async def busy(self) -> asyncio.Task[Heard | None]:
        """Somebody's words are being recognised."""
        first = self.ask("first", Urgency.FINAL)
        await until(lambda: self.order == ["first"])
        return first


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    found = Stage()
    yield found
    found.goes_on.set()
    found.thread.shutdown()


async def test_the_most_urgent_comes_first_and_of_equals_the_first(stage: Stage) -> None:
    asked = [await stage.busy()]
    for name, urgency in (
        ("recording", Urgency.PATIENT),
        ("early", Urgency.EARLY),
        ("final", Urgency.FINAL),
        ("another final", Urgency.FINAL),
    ):
        asked.append(stage.ask(name, urgency))
        await asyncio.sleep(0)
    stage.goes_on.set()
    assert all(await asyncio.gather(*asked))
    assert stage.order == ["first", "final", "another final", "early", "recording"]


async def test_a_question_that_has_become_urgent_overtakes(stage: Stage) -> None:
    asked = [await stage.busy(), stage.ask("one", Urgency.EARLY)]
    await asyncio.sleep(0)
    later = Question(SOUND, Urgency.EARLY)
    asked.append(asyncio.create_task(stage.put("two", later)))
    await asyncio.sleep(0)
    later.urgency = Urgency.FINAL
    stage.goes_on.set()
    await asyncio.gather(*asked)
    assert stage.order == ["first", "two", "one"]


async def test_what_nobody_wants_any_more_is_not_recognised(stage: Stage) -> None:
    first = await stage.busy()
    stale, cancelled = stage.ask("stale", Urgency.EARLY, wanted=lambda: False), stage.ask("c", Urgency.FINAL)
    last = stage.ask("last", Urgency.PATIENT)
    await asyncio.sleep(0)
    cancelled.cancel()
    stage.goes_on.set()
    assert await stale is None and await first and await last
    assert stage.order == ["first", "last"]


@pytest.mark.parametrize("urgency", [Urgency.IDLE, Urgency.PARTIAL])
async def test_what_is_only_for_an_idle_recogniser_does_not_wait(stage: Stage, urgency: Urgency) -> None:
    first = await stage.busy()
    assert await stage.ask("idle", urgency) is None
    stage.goes_on.set()
    await first
    assert await stage.ask("idle", urgency) is not None


async def test_partial_words_take_a_share_of_the_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(recognition_queue.clock, "monotonic", lambda: now)
    asked = stage.ask("partial", Urgency.PARTIAL)
    await until(lambda: stage.order == ["partial"])
    now += 0.3
    stage.goes_on.set()
    assert await asked
    now += 0.3 / PARTIAL_SHARE - 0.3 - 0.01
    assert await stage.ask("too soon", Urgency.PARTIAL) is None
    assert await stage.ask("idle", Urgency.IDLE)
    now += 0.02
    assert await stage.ask("partial again", Urgency.PARTIAL)


async def test_a_party_that_leaves_does_not_hold_the_thread(stage: Stage) -> None:
    first = await stage.busy()
    waits = stage.ask("next", Urgency.FINAL)
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    assert stage.order == ["first"]  # which goes on to its end
    stage.goes_on.set()
    assert await waits


async def test_a_loader_at_work_shows_it_and_one_that_hangs_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calling.speech.threads.LOOK_SECONDS", 0.02)
    shown: list[str] = []
    loader, done = Loader(), threading.Event()

    def works() -> str:
        while not done.is_set():
            sum(range(1000))
            time.sleep(0)
        return "model"

    working = asyncio.create_task(loader.load(works, lambda: shown.append("busy")))
    await until(lambda: len(shown) > 3)
    done.set()
    assert await working == "model"
    done.clear()
    shown.clear()
    hanging = asyncio.create_task(loader.load(lambda: done.wait(10), lambda: shown.append("hangs")))
    await asyncio.sleep(0.3)
    assert len(shown) <= 2  # what it used until it hung
    done.set()
    await hanging


async def test_what_cannot_be_loaded_says_why() -> None:
    def refuse() -> None:
        raise OSError("not here")

    with pytest.raises(OSError, match="not here"):
        await Loader().load(refuse, lambda: None)
