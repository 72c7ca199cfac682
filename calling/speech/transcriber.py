"""One party's sound to utterances, and these to words: partial ones while it speaks, final ones after it.

The words are recognised during the pause that may end the utterance; they are its final ones where no voice
follows, so that only the pause is waited for. Without `early` that is done where the recogniser has nothing
else to do. With `early` and a turn detector, it is asked during that pause, too, and may make it longer.

Never blocks: voices are scored as the sound comes (0.2 ms a window); words are asked of a recogniser in the
worker's one thread for that. What it cannot keep up with is dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import numpy as np

from calling.speech.frames import FRAME, RATE, Pcm, Sound
from calling.speech.recogniser import Heard
from calling.speech.recognition_queue import Question, Urgency
from calling.speech.turns import FINISHED
from calling.speech.utterances import LEAD_MS, WINDOW_MS, Utterance, Utterances

WINDOW: Final = RATE * WINDOW_MS // 1000
PARTIAL_MS: Final = 1200  # of new speech between two partial results
EARLY_MS: Final = (
    224  # of silence, after which the words are recognised before it is certain that these are all
)
PAUSED_MS: Final = 96  # of silence; shorter ones are in words
MOST_WAITING: Final = 3  # utterances of one party that wait for the recogniser
MOST_GAP: Final = 50  # lost frames that are heard as silence; after more, the clock alone goes on
KEPT_MS: Final = 30_000

Tell = Callable[[Mapping[str, Any]], None]
Recognise = Callable[[Question], Awaitable[Heard | None]]
Finished = Callable[[Pcm], Awaitable[float]]


class VoiceScore(Protocol):
    """How likely each 32 ms hold a voice."""

    def process(self, data: memoryview) -> float: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a transcript, as the operation's params say."""

    model: str
    language: str
    hints: tuple[str, ...] = ()
    partial: bool = True
    end_silence_ms: int = 700
    onset: bool = False  # the first 32 ms of a voice are told, whether more follows or not
    early: bool = False  # somebody waits for the words: more CPU, sooner
    live: bool = True  # it comes as it is said, and its pauses are time to work in


def wish_of(ask: Mapping[str, Any]) -> Wish:
    """Raises ValueError, KeyError or TypeError for what our side never sends."""
    hints: Sequence[Any] = ask.get("hints") or ()
    return Wish(
        str(ask["model"]),
        str(ask.get("language") or "en")[:20].partition("-")[0].lower(),
        tuple(str(each)[:100] for each in hints[:100]),
        bool(ask.get("partial", True)),
        min(5000, max(200, int(ask.get("end_silence_ms") or 700))),
        bool(ask.get("onset")),
        bool(ask.get("early")),
        bool(ask.get("live", True)),
    )


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The words up to the pause that began at `voice_ms`; None where the recogniser was busy."""

    voice_ms: int
    question: Question
    words: asyncio.Task[Heard | None]


class Transcriber:
    """`hear` takes the sound, `tell` gets `onset voice quiet partial final` with times in ms of the sound."""

    takes: ClassVar[type[Sound]] = Sound

    def __init__(
        self,
        wish: Wish,
        score: VoiceScore,
        recognise: Recognise,
        tell: Tell,
        finished: Finished | None = None,
    ) -> None:
        self.wish = wish
        self.dropped = 0
        self._score, self._recognise, self._tell = score, recognise, tell
        self._utterances = Utterances(wish.end_silence_ms)
        self._sound = np.zeros(0, np.int16)
        self._from_ms = 0  # where `_sound` begins
        self._scored = 0  # samples of it that have a score
        self._next = 0
        self._partial_ms = 0
        self._voice_ms = -1  # where the utterance began that was told last
        self._jobs: set[asyncio.Task[None]] = set()
        self._asked: Utterance | None = None  # whose partial words are being asked for
        self._foreseen: Foreseen | None = None
        self._finished = finished
        self._turn: asyncio.Task[None] | None = None

    async def catch_up(self) -> None:
        """Wait until one utterance at most waits for its words: for sound that comes as fast as it may."""
        while len(self._jobs) > 1:
            await asyncio.wait(self._jobs, return_when=asyncio.FIRST_COMPLETED)

    def hear(self, sound: Sound) -> None:
        gap = sound.number - self._next
        if gap < 0:
            return
        self.dropped += gap
        self._next = sound.number + 1
        if gap > MOST_GAP:
            self._skip(gap)
            gap = 0
        self._take(np.concatenate((np.zeros(gap * FRAME, np.int16), sound.pcm)) if gap else sound.pcm)

    async def finish(self) -> None:
        """The sound is over: the last words, if somebody was speaking."""
        last = self._utterances.close()
        if last is not None:
            self._whole(last)
        if self._jobs:
            await asyncio.gather(*self._jobs, return_exceptions=True)

    def close(self) -> None:
        for job in self._jobs:
            job.cancel()
        if self._foreseen is not None:
            self._foreseen.words.cancel()
        if self._turn is not None:
            self._turn.cancel()

    def _take(self, pcm: Pcm) -> None:
        self._sound = np.concatenate((self._sound, pcm))
        while self._scored + WINDOW <= len(self._sound):
            window = self._sound[self._scored : self._scored + WINDOW].astype(np.float32) / 32768
            self._scored += WINDOW
            found = self._utterances.window(self._score.process(window.data))
            if self.wish.onset and self._utterances.maybe:
                self._tell({"say": "onset"})
            if found is None:
                self._partial_ms = 0
                continue
            if found.start_ms != self._voice_ms:  # who waits for a first word knows that it has begun
                self._voice_ms = found.start_ms
                self._tell({"say": "voice", "start_ms": found.start_ms})
            if found.whole:
                self._tell({"say": "quiet", "end_ms": found.end_ms})
                self._whole(found)
            else:
                self._begun(found)
                self._paused(found)
        self._forget(KEPT_MS)

    def _forget(self, most_ms: int) -> None:
        """Sound older than any utterance may be."""
        extra = (self._scored - most_ms * RATE // 1000) // WINDOW * WINDOW
        if extra > 0:
            self._sound = self._sound[extra:]
            self._scored -= extra
            self._from_ms += extra * 1000 // RATE

    def _skip(self, frames: int) -> None:
        """A hole of more than a second: the utterance before it is whole, and time goes on behind it."""
        last = self._utterances.close()
        if last is not None:
            self._whole(last)
        windows = frames * FRAME // WINDOW
        for _ in range(windows):
            self._utterances.window(0.0)
        self._sound, self._scored = self._sound[:0], 0
        self._from_ms += windows * WINDOW_MS

    def _cut(self, utterance: Utterance) -> Pcm:
        start = max(0, utterance.start_ms - self._from_ms) * RATE // 1000
        return self._sound[start : max(start, (utterance.end_ms - self._from_ms) * RATE // 1000)]

    def _begun(self, utterance: Utterance) -> None:
        if not self.wish.partial or self._asked is not None:
            return
        if self.wish.live and utterance.end_ms - self._utterances.last_voice_ms >= PAUSED_MS:
            return  # the words of a pause come in a moment
        if utterance.end_ms - max(self._partial_ms, utterance.start_ms) >= PARTIAL_MS:
            self._partial_ms = utterance.end_ms
            self._asked = utterance
            self._ask(self._partial(utterance, self._cut(utterance).copy()))

    def _paused(self, utterance: Utterance) -> None:
        """The words so far, once per pause: the utterance may be over."""
        voice_ms = self._utterances.last_voice_ms
        if not self.wish.live or utterance.end_ms - voice_ms < EARLY_MS:
            return
        if self._foreseen is None or self._foreseen.voice_ms != voice_ms:
            loop, so_far = asyncio.get_running_loop(), self._cut(utterance)
            rest = np.zeros(max(0, voice_ms + LEAD_MS - utterance.end_ms) * RATE // 1000, np.int16)
            question = Question(
                np.concatenate((so_far, rest)), Urgency.EARLY if self.wish.early else Urgency.IDLE
            )
            # an utterance that has ended wants its words whatever follows
            question.wanted = lambda: (
                question.urgency is Urgency.FINAL or self._utterances.last_voice_ms == voice_ms
            )
            work = self._foresee(utterance, question)
            self._foreseen = Foreseen(voice_ms, question, loop.create_task(work))
            if self.wish.early and self._finished is not None and (self._turn is None or self._turn.done()):
                self._turn = loop.create_task(self._ask_turn(self._finished, voice_ms, so_far.copy()))

    async def _ask_turn(self, finished: Finished, voice_ms: int, pcm: Pcm) -> None:
        """An answer that comes after the end of the utterance, or of the pause, changes nothing."""
        if await finished(pcm) < FINISHED:
            self._utterances.hold(voice_ms)

    async def _foresee(self, utterance: Utterance, question: Question) -> Heard | None:
        """Words so far; where the utterance goes on, they are as good as partial ones."""
        while self._asked is not None:  # the party's own partial words are on their way
            await asyncio.wait(self._jobs, return_when=asyncio.FIRST_COMPLETED)
        found = await self._recognise(question) if question.wanted() else None
        if found is not None and found.text and self.wish.partial and question.urgency is not Urgency.FINAL:
            self._partial_ms = max(self._partial_ms, utterance.end_ms)
            self._say("partial", utterance, found)
        return found

    def _whole(self, utterance: Utterance) -> None:
        self._partial_ms = 0
        if len(self._jobs) >= MOST_WAITING:
            self.dropped += (utterance.end_ms - utterance.start_ms) // 20
            return
        known, self._foreseen = self._foreseen, None
        if known is not None and known.voice_ms != self._utterances.last_voice_ms:
            known = None
        if known is not None:
            known.question.urgency = Urgency.FINAL
        self._ask(self._final(utterance, self._cut(utterance).copy(), known))

    def _ask(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _partial(self, utterance: Utterance, pcm: Pcm) -> None:
        try:
            found = await self._recognise(Question(pcm, Urgency.PARTIAL))
        finally:
            self._asked = None
        if found is not None and found.text and self._partial_ms:
            self._say("partial", utterance, found)

    async def _final(self, utterance: Utterance, pcm: Pcm, known: Foreseen | None) -> None:
        found = await known.words if known is not None else None
        if found is None:
            found = await self._recognise(Question(pcm, Urgency.FINAL))
        if found is not None and found.text:
            self._say("final", utterance, found)

    def _say(self, word: str, utterance: Utterance, found: Heard) -> None:
        self._tell(
            {
                "say": word,
                "text": found.text,
                "confidence": found.confidence,
                "start_ms": utterance.start_ms,
                "end_ms": utterance.end_ms,
            }
        )
