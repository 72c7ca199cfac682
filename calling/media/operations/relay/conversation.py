"""What is said, heard and interrupted in a conversation relay: the state machine. Pure.

Every input gives effects, which its owner carries out in their order. Times are ms of one clock that only
goes forward. A talk cycle is what the program says from its first `text` to the one with `last`; a `play` is
a cycle of its own. What a cycle says goes to the mouth in numbered pieces; the mouth reports when a piece
begins to sound, ends or fails, and `reach` is how far the one that sounds has got.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from calling.media.operations.relay import messages
from calling.media.operations.relay.clauses import Clauses
from calling.media.operations.relay.effects import (
    Drop,
    Effect,
    Finish,
    Listen,
    PlayFile,
    Press,
    Send,
    Speak,
)
from calling.media.operations.relay.messages import MODES, Mode
from calling.media.operations.relay.word_clock import Reach, heard

IDLE_MS: Final = 400  # a token that nothing follows for so long is said without waiting for `last`
LATE_MS: Final = 1000  # so long, tokens of an interrupted cycle may still be on their way
HOLDING_MS: Final = 10_000  # a voice that lasts longer is noise: what is to be said begins all the same
MOST_WAITING: Final = 64_000  # characters that wait to be said
MOST_PIECES: Final = 500
MOST_IGNORED: Final = 50
MOST_BAD: Final = 10  # messages one after the other that are none

ENDED, FAILED = "ended", "program_invalid"


@dataclass(frozen=True)
class Wish:
    """What a relay was asked for. `report`: what of the caller's input is told while speech that it cannot
    interrupt goes on. `debug`: `speaker-events`, `tokens-played`."""

    language: str = "en-US"
    heard_language: str = "en-US"
    greeting: str = ""
    greeting_interruptible: Mode = MODES["any"]
    interruptible: Mode = MODES["any"]
    preemptible: bool = False
    digits: bool = False
    partial: bool = False
    report: Mode = MODES["none"]
    debug: frozenset[str] = frozenset()


@dataclass(slots=True)
class Piece:
    """What was given to the mouth and is not over."""

    number: int
    cycle: int
    text: str
    interruptible: Mode
    preemptible: bool


@dataclass(frozen=True, slots=True)
class Manner:
    """How a token is to be said."""

    language: str
    interruptible: Mode
    preemptible: bool


@dataclass
class Turn:
    """What the caller has heard since the speech that goes on began."""

    cycle: int = -1
    began: int = 0
    said: str = ""


class Conversation:
    """One relay. `reach` tells how far the piece that sounds was played, None where none sounds."""

    def __init__(self, wish: Wish, reach: Callable[[], Reach | None]) -> None:
        self.wish = wish
        self.prompts = self.interrupts = 0
        self.over = False
        self._reach = reach
        self._language, self._heard_language = wish.language, wish.heard_language
        self._pieces: deque[Piece] = deque()
        self._number = 0
        self._clauses = Clauses()
        self._manner = Manner(wish.language, wish.interruptible, wish.preemptible)
        self._cycle = 0
        self._open = False
        self._token_at = 0
        self._late_until: int | None = None  # tokens of the interrupted cycle are dropped till then
        self._turn = Turn()
        self._voice_at: int | None = None
        self._ignored: deque[int] = deque(maxlen=MOST_IGNORED)  # where utterances begin that are not told
        self._ending: Finish | None = None
        self._bad = 0
        self._sounding = False

    @property
    def language(self) -> str:
        """In which the program's text is spoken."""
        return self._language

    @property
    def speaking(self) -> bool:
        """Whether something is being said or is to be."""
        return bool(self._pieces or self._clauses.rest.strip())

    # --- from the program

    def begin(self) -> list[Effect]:
        """Both the program and the ear are there."""
        if not self.wish.greeting.strip():
            return []
        self._cycle += 1
        manner = Manner(self._language, self.wish.greeting_interruptible, self.wish.preemptible)
        made = Clauses()
        pieces = [*made.add(self.wish.greeting, hungry=True), *made.flush()]
        return [self._speak(piece, manner) for piece in pieces]

    def take(self, data: str | bytes, now: int) -> list[Effect]:
        """A frame of the program's, whatever it holds."""
        if self.over or self._ending is not None:
            return []
        try:
            message = messages.read(data)
        except messages.BadMessage as why:
            self._bad += 1
            told: list[Effect] = [Send(messages.error(str(why)))]
            return [*told, self._finish(Finish(FAILED))] if self._bad >= MOST_BAD else told
        self._bad = 0
        match message:
            case messages.Text():
                return self._text(message, now)
            case messages.Play():
                return self._play(message)
            case messages.SendDigits(digits=digits):
                return [Press(digits)]
            case messages.Language():
                return self._change(message)
            case messages.End(handoff=handoff):
                return self._end(handoff)

    def _text(self, message: messages.Text, now: int) -> list[Effect]:
        if self._late_until is not None:
            late = now < self._late_until
            if message.last or not late:
                self._late_until = None
            if late:
                return []
        effects: list[Effect] = []
        if not self._open:
            effects += self._next_cycle()
            self._open = True
        manner = Manner(
            message.language or self._language,
            self.wish.interruptible if message.interruptible is None else message.interruptible,
            self.wish.preemptible if message.preemptible is None else message.preemptible,
        )
        if manner.language != self._manner.language:
            effects += self._flush()
        self._manner, self._token_at = manner, now
        if self._waiting() + len(message.token) > MOST_WAITING or len(self._pieces) > MOST_PIECES:
            effects.append(Send(messages.error("Too much text is waiting to be said.")))
        else:
            pieces = self._clauses.add(message.token, hungry=not self._pieces)
            effects += [self._speak(piece, manner) for piece in pieces]
        if message.last:
            effects += self._flush()
            self._open = False
        return effects

    def _play(self, message: messages.Play) -> list[Effect]:
        effects = [*self._flush(), *self._next_cycle()]
        self._open, self._late_until = False, None
        if len(self._pieces) > MOST_PIECES:
            return [*effects, Send(messages.error("Too much is waiting to be played."))]
        mode = self.wish.interruptible if message.interruptible is None else message.interruptible
        preemptible = self.wish.preemptible if message.preemptible is None else message.preemptible
        piece = self._give("", mode, preemptible)
        return [*effects, PlayFile(piece.number, message.source, message.loops)]

    def _change(self, message: messages.Language) -> list[Effect]:
        effects: list[Effect] = []
        if message.tts is not None and message.tts != self._language:
            effects += self._flush()
            self._language = message.tts
        if message.transcription is not None and message.transcription != self._heard_language:
            effects.append(Listen(message.transcription))
        return effects

    def _end(self, handoff: str | None) -> list[Effect]:
        """What was said before `end` is heard to its end."""
        effects = self._flush()
        self._open, self._ending = False, Finish(ENDED, handoff)
        return effects if self._pieces else [*effects, self._finish(self._ending)]

    def _next_cycle(self) -> list[Effect]:
        """Something new is to be said: what gives way to it is dropped."""
        self._cycle += 1
        return self._drop([each for each in self._pieces if each.preemptible])

    # --- from the caller

    def onset(self, now: int) -> list[Effect]:
        """A voice, as it seems: what gives way to the caller does so before it is certain."""
        return self._interrupted("speech", now)

    def voice(self, start_ms: int, now: int) -> list[Effect]:
        """The caller begins to speak; `start_ms` names the utterance."""
        self._voice_at = now
        effects = self._interrupted("speech", now)
        if self.speaking and "speech" not in self._current_mode() | self.wish.report:
            self._ignored.append(start_ms)
        return [*effects, *self._debug("clientSpeaking", "on")]

    def quiet(self) -> list[Effect]:
        """The caller's utterance is over; its words may still come."""
        was, self._voice_at = self._voice_at, None
        return self._debug("clientSpeaking", "off") if was is not None else []

    def words(self, text: str, start_ms: int, *, last: bool) -> list[Effect]:
        """What the caller said, or has said so far."""
        if start_ms in self._ignored or self._ending is not None or (not last and not self.wish.partial):
            return []
        if last:
            self.prompts += 1
            self._late_until = None
        return [Send(messages.prompt(text, self._heard_language, last=last))]

    def digit(self, digit: str, now: int) -> list[Effect]:
        """The caller pressed a key."""
        effects = self._interrupted("dtmf", now)
        ignored = self.speaking and "dtmf" not in self._current_mode() | self.wish.report
        if self.wish.digits and not ignored and self._ending is None:
            self._late_until = None
            effects.append(Send(messages.dtmf(digit)))
        return effects

    def listening(self, language: str) -> None:
        """The ear understands another language now."""
        self._heard_language = language

    # --- from the mouth

    def started(self, number: int, now: int) -> list[Effect]:
        piece = self._piece(number)
        if piece is None:
            return []
        if piece.cycle != self._turn.cycle:
            self._turn = Turn(piece.cycle, now)
        if self._speaks_over(piece, now):
            return self._interrupted("speech", now)
        if self._sounding:
            return []
        self._sounding = True
        return self._debug("agentSpeaking", "on")

    def ended(self, number: int) -> list[Effect]:
        piece = self._piece(number)
        if piece is None:
            return []
        self._pieces.remove(piece)
        if piece.cycle == self._turn.cycle:
            self._turn.said = (self._turn.said + piece.text)[-MOST_WAITING:]
        return [*self._played(piece.text), *self._settle()]

    def failed(self, number: int, why: str) -> list[Effect]:
        piece = self._piece(number)
        if piece is None:
            return []
        self._pieces.remove(piece)
        return [Send(messages.error(why)), *self._settle()]

    # --- as time goes by

    def tick(self, now: int) -> list[Effect]:
        """Say what nothing follows. To be called a few times a second."""
        if self._clauses.rest and now - self._token_at >= IDLE_MS and not self.over:
            return self._flush()
        return []

    # --- inside

    def _piece(self, number: int) -> Piece | None:
        return next((each for each in self._pieces if each.number == number), None)

    def _waiting(self) -> int:
        return len(self._clauses.rest) + sum(len(each.text) for each in self._pieces)

    def _current_mode(self) -> Mode:
        """What may interrupt what is being said, or is said next."""
        return self._pieces[0].interruptible if self._pieces else self._manner.interruptible

    def _give(self, text: str, mode: Mode, preemptible: bool) -> Piece:
        self._number += 1
        piece = Piece(self._number, self._cycle, text, mode, preemptible)
        self._pieces.append(piece)
        return piece

    def _speak(self, text: str, manner: Manner) -> Speak:
        piece = self._give(text, manner.interruptible, manner.preemptible)
        return Speak(piece.number, text, manner.language)

    def _flush(self) -> list[Effect]:
        return [self._speak(piece, self._manner) for piece in self._clauses.flush()]

    def _speaks_over(self, piece: Piece, now: int) -> bool:
        """Whether a piece begins while the caller, whom it gives way to, speaks."""
        voice = self._voice_at
        return voice is not None and now - voice < HOLDING_MS and "speech" in piece.interruptible

    def _interrupted(self, by: str, now: int) -> list[Effect]:
        """The caller's input ends what is being said, where that gives way to it."""
        if not self.speaking or by not in self._current_mode():
            return []
        said, milliseconds = self._heard(now)
        dropped = [each for each in self._pieces if by in each.interruptible]
        played = self._partly()
        if by in self._manner.interruptible:
            self._clauses.drop()
            if self._open:
                self._open, self._late_until = False, now + LATE_MS
        self.interrupts += 1
        effects = [*self._drop(dropped), Send(messages.interrupt(said, milliseconds))]
        return [*effects, *self._played(played), *self._settle()]

    def _heard(self, now: int) -> tuple[str, int]:
        """(what was heard of what is being said, ms since it began)."""
        current = self._pieces[0] if self._pieces else None
        if current is None or current.cycle != self._turn.cycle:
            return "", 0
        return (self._turn.said + self._partly()).strip(), max(0, now - self._turn.began)

    def _partly(self) -> str:
        """What was heard of the piece that sounds."""
        reach, current = self._reach(), self._pieces[0] if self._pieces else None
        if reach is None or current is None or reach.number != current.number:
            return ""
        return heard(current.text, reach)

    def _drop(self, pieces: list[Piece]) -> list[Effect]:
        if not pieces:
            return []
        numbers = frozenset(each.number for each in pieces)
        self._pieces = deque(each for each in self._pieces if each.number not in numbers)
        return [Drop(numbers)]

    def _settle(self) -> list[Effect]:
        """What follows where nothing is left to say: it is told, or the relay ends."""
        effects: list[Effect] = []
        if not self._pieces and self._sounding:
            self._sounding = False
            effects += self._debug("agentSpeaking", "off")
        if not self._pieces and self._ending is not None and not self.over:
            effects.append(self._finish(self._ending))
        return effects

    def _finish(self, finish: Finish) -> Finish:
        self.over = True
        return finish

    def _played(self, text: str) -> list[Effect]:
        if not text.strip() or "tokens-played" not in self.wish.debug:
            return []
        return [Send(messages.info("tokensPlayed", text))]

    def _debug(self, name: str, value: str) -> list[Effect]:
        return [Send(messages.info(name, value))] if "speaker-events" in self.wish.debug else []
