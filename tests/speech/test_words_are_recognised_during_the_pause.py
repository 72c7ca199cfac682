"""Words are asked for during the pause that may end an utterance, and not again after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from calling.speech.frames import FRAME, RATE, Pcm, Sound
from calling.speech.recogniser import Heard
from calling.speech.recognition_queue import Question, Urgency
from calling.speech.transcriber import EARLY_MS, Transcriber, Wish

VOICE, QUIET = np.full(FRAME, 1000, np.int16), np.zeros(FRAME, np.int16)


class Loud:
    """A voice is whatever is not silent."""

    def process(self, data: memoryview) -> float:
        return 0.9 if np.frombuffer(data, np.float32).any() else 0.0


class Stage:
    """A party that speaks and pauses, and a recogniser whose words are the length of the sound."""

    def __init__(
        self, *, early: bool = True, partial: bool = False, busy: bool = False, live: bool = True
    ) -> None:
        self.told: list[dict[str, Any]] = []
        self.questions: list[Question] = []
        self.asked: list[Urgency] = []
        self.busy = busy  # with somebody else's words
        self.answers = asyncio.Event()
        self.answers.set()
        wish = Wish("quick", "en", partial=partial, end_silence_ms=512, early=early, live=live)
        self.transcriber = Transcriber(
            wish, Loud(), self._recognise, lambda words: self.told.append({**words})
        )
        self._number = 0

    def _tell(self, words: Mapping[str, Any]) -> None:
        self.told.append(dict(words))

    async def _recognise(self, question: Question) -> Heard | None:
        self.questions.append(question)
        self.asked.append(question.urgency)
        if self.busy and question.urgency is not Urgency.FINAL:
            return None
        await self.answers.wait()
        return Heard(f"{np.count_nonzero(question.pcm) / RATE:.1f} s", 1.0)

    async def hears(self, pcm: Pcm, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.transcriber.hear(Sound(self._number, pcm))
            self._number += 1
            await asyncio.sleep(0)

    def said(self, word: str) -> list[str]:
        return [each["text"] for each in self.told if each["say"] == word]


async def test_the_words_are_known_when_the_pause_is_over() -> None:
    stage = Stage()
    await stage.hears(QUIET, 0.5)
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, 0.4)
    assert stage.asked == [Urgency.EARLY] and stage.said("final") == []
    await stage.hears(QUIET, 0.4)
    await stage.transcriber.finish()
    assert stage.said("final") == ["1.0 s"] and len(stage.asked) == 1
    assert len(stage.questions[0].pcm) / RATE >= 1.0 + EARLY_MS / 1000


async def test_words_of_a_pause_that_ended_nothing_are_thrown_away() -> None:
    stage = Stage()
    for _ in range(3):
        await stage.hears(VOICE, 1.0)
        await stage.hears(QUIET, 0.35)
    await stage.hears(QUIET, 0.4)
    await stage.transcriber.finish()
    assert stage.said("final") == ["3.0 s"]
    assert stage.asked == [Urgency.EARLY] * 3
    assert [each.wanted() for each in stage.questions] == [False, False, True]


async def test_words_that_are_still_on_their_way_are_waited_for() -> None:
    stage = Stage()
    stage.answers.clear()
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, 0.8)
    assert stage.said("final") == []
    assert stage.questions[0].urgency is Urgency.FINAL  # somebody waits for them now
    stage.transcriber.hear(Sound(stage._number, VOICE))
    assert stage.questions[0].wanted()
    stage.answers.set()
    await stage.transcriber.finish()
    assert stage.said("final")[0] == "1.0 s" and stage.asked[0] is Urgency.EARLY


async def test_a_recogniser_that_was_busy_is_asked_again_at_the_end() -> None:
    stage = Stage(busy=True)
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, 0.8)
    await stage.transcriber.finish()
    assert stage.said("final") == ["1.0 s"]
    assert stage.asked == [Urgency.EARLY, Urgency.FINAL]


async def test_partial_words_that_are_on_their_way_are_not_in_the_way() -> None:
    stage = Stage(partial=True)
    stage.answers.clear()
    await stage.hears(VOICE, 1.5)
    await stage.hears(QUIET, 0.4)
    assert len(stage.asked) == 1
    stage.answers.set()
    await stage.hears(QUIET, 0.4)
    await stage.transcriber.finish()
    assert stage.said("final") == ["1.5 s"]
    assert stage.asked == [Urgency.PARTIAL, Urgency.EARLY]


async def test_words_of_a_pause_are_partial_ones_where_the_party_goes_on() -> None:
    stage = Stage(partial=True)
    await stage.hears(VOICE, 1.1)
    await stage.hears(QUIET, 0.35)
    assert stage.said("partial") == ["1.1 s"]
    await stage.hears(VOICE, 1.0)
    assert stage.asked == [Urgency.EARLY]  # the words of a moment ago are new enough


@pytest.mark.parametrize(("busy", "asked"), [(False, [Urgency.IDLE]), (True, [Urgency.IDLE, Urgency.FINAL])])
async def test_without_early_that_is_done_where_the_recogniser_is_idle(
    busy: bool, asked: list[Urgency]
) -> None:
    stage = Stage(early=False, busy=busy)
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, 0.8)
    await stage.transcriber.finish()
    assert stage.said("final") == ["1.0 s"] and stage.asked == asked


@pytest.mark.parametrize("pauses", [1, 3])
async def test_each_utterance_of_a_recording_is_recognised_once(pauses: int) -> None:
    stage = Stage(early=False, live=False)
    for _ in range(pauses):
        await stage.hears(VOICE, 1.0)
        await stage.hears(QUIET, 0.35)
    await stage.hears(QUIET, 0.4)
    await stage.transcriber.finish()
    assert stage.asked == [Urgency.FINAL]
