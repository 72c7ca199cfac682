"""A conversation whose mouth is a list: pieces sound when the test says so, on the test's own time."""

from __future__ import annotations

import json
from typing import Any

from calling.media.operations.relay.conversation import Conversation, Wish
from calling.media.operations.relay.effects import Drop, Effect, Finish, PlayFile, Send, Speak
from calling.media.operations.relay.word_clock import Reach

WORD_MS = 300


class Talk:
    """`say` is a frame of the program's; `hear` lets time pass while pieces sound, 300 ms a word."""

    def __init__(self, wish: Wish | None = None) -> None:
        self.now = 1000
        self.frames: list[dict[str, Any]] = []
        self.effects: list[Effect] = []
        self.queue: list[Speak | PlayFile] = []
        self.at: int | None = None  # ms of the first piece that have sounded; None: it has not begun
        self.core = Conversation(wish or Wish(), self.reach)

    def do(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Send):
                self.frames.append(effect.frame)
            elif isinstance(effect, Speak | PlayFile):
                self.queue.append(effect)
            elif isinstance(effect, Drop):
                if self.queue and self.queue[0].number in effect.numbers:
                    self.at = None
                self.queue = [each for each in self.queue if each.number not in effect.numbers]
        return effects

    def say(self, **frame: Any) -> list[Effect]:
        return self.do(self.core.take(json.dumps(frame), self.now))

    def text(self, token: str, **more: Any) -> list[Effect]:
        return self.say(type="text", token=token, **more)

    def voice(self, start: int = 1) -> list[Effect]:
        return self.do(self.core.voice(start, self.now))

    def words(self, text: str, start: int = 1, last: bool = True) -> list[Effect]:
        return self.do(self.core.words(text, start, last=last))

    def key(self, digit: str) -> list[Effect]:
        return self.do(self.core.digit(digit, self.now))

    def wait(self, milliseconds: int) -> list[Effect]:
        """Nothing sounds meanwhile."""
        self.now += milliseconds
        return self.do(self.core.tick(self.now))

    def hear(self, milliseconds: int = 10_000_000) -> None:
        """Pieces sound for so long, or until there is none left."""
        while milliseconds > 0 and self.queue:
            first = self.queue[0]
            if self.at is None:
                self.at = 0
                self.do(self.core.started(first.number, self.now))
                if not self.queue or self.queue[0] is not first:
                    continue
            step = min(milliseconds, length(first) - self.at)
            self.at += step
            self.now += step
            milliseconds -= step
            if self.at >= length(first):
                self.queue.pop(0)
                self.at = None
                self.do(self.core.ended(first.number))

    def reach(self) -> Reach | None:
        if not self.queue or self.at is None or isinstance(self.queue[0], PlayFile):
            return None
        return Reach(self.queue[0].number, self.at, 0, length(self.queue[0]))

    @property
    def spoken(self) -> list[str]:
        return [each.text for each in self.effects if isinstance(each, Speak)]

    @property
    def end(self) -> Finish | None:
        return next((each for each in self.effects if isinstance(each, Finish)), None)

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.frames if each["type"] == kind]


def length(piece: Speak | PlayFile) -> int:
    return WORD_MS * len(piece.text.split()) if isinstance(piece, Speak) else 1000
