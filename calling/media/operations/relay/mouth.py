"""What a relay lets its party hear: pieces of speech and files, one after the other, dropped at once.

The next pieces are made while one is heard. Speech is pulled every 20 ms and its samples are counted, which
is the clock of `reach`. While nothing is said the party hears the call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from calling.media.codecs.opus import Pcm
from calling.media.files.player import FilePlayer
from calling.media.files.turns import Ask, nobody
from calling.media.operations.playback import PlaybackFailed, picture_of, prepared
from calling.media.operations.relay.word_clock import Reach
from calling.media.rtp.source import Source
from calling.media.session.context import SessionContext
from calling.media.sources.producers import Player
from calling.media.tts import tts
from calling.media.tts.tts import SpeechUnavailable

FRAME: Final = tts.FRAME
AHEAD: Final = 2  # pieces that are made before they are needed
QUIET_FRAMES: Final = 10  # 200 ms of nothing to say: the party hears the call again
LOUD: Final = 200  # of 32,768: what is no silence
LEAD: Final = tts.RATE // 50  # kept before the voice of a piece
TAIL: Final = tts.RATE * 22 // 100  # and behind it: the pause between two sentences

Make = Callable[[str, str], Awaitable[Pcm]]
"""Text and language to sound at `tts.RATE`. Raises SpeechUnavailable."""


Sounded = Literal["started", "ended", "failed"]
Audience = Callable[[Sounded, int, str], None]
"""Is told what becomes of a piece, by its number; why, where it failed. It may drop pieces meanwhile."""


@dataclass(eq=False)
class Piece:
    """Speech, or (`url`) a file."""

    number: int
    text: str = ""
    language: str = ""
    url: str = ""
    loops: int = 1
    made: asyncio.Task[Pcm | FilePlayer] | None = None
    pcm: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    file: FilePlayer | None = None
    at: int = 0  # samples played
    first: int = 0  # where its voice begins
    last: int = 0


class Mouth:
    """One party's. `speak` and `play` add a piece, `drop` takes pieces away; `close` ends all."""

    def __init__(
        self, session: SessionContext, leg_id: str, audience: Audience, make: Make, ask: Ask = nobody
    ) -> None:
        self._session, self._leg_id = session, leg_id
        self._audience, self._make, self._ask = audience, make, ask
        self._pieces: deque[Piece] = deque()
        self._now: Piece | None = None
        self._player: Player | None = None
        self._silent = 0

    def speak(self, number: int, text: str, language: str) -> None:
        self._add(Piece(number, text=text, language=language))

    def play(self, number: int, url: str, loops: int) -> None:
        self._add(Piece(number, url=url, loops=loops))

    def drop(self, numbers: frozenset[int]) -> None:
        """None of these is heard any more, from this moment."""
        for piece in [each for each in self._pieces if each.number in numbers]:
            self._pieces.remove(piece)
            if piece.made is not None:
                piece.made.cancel()
        now = self._now
        if now is not None and now.number in numbers:
            self._leave(now)
            self._give(None)
        self._next()

    def reach(self) -> Reach | None:
        """How far the speech that sounds was played."""
        now = self._now
        if now is None or now.file is not None:
            return None
        return Reach(now.number, _ms(now.at), _ms(now.first), _ms(now.last))

    def close(self) -> None:
        for piece in self._pieces:
            if piece.made is not None:
                piece.made.cancel()
        self._pieces.clear()
        if self._now is not None:
            self._leave(self._now)
        self._give(None)

    # --- making

    def _add(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._next()

    def _next(self) -> None:
        """Make what comes next, and begin with it where it is ready and nothing sounds."""
        for piece in list(self._pieces)[:AHEAD]:
            if piece.made is None:
                piece.made = asyncio.get_running_loop().create_task(self._made(piece))
                piece.made.add_done_callback(lambda _, piece=piece: self._ready(piece))  # type: ignore[misc]
        while self._now is None and self._pieces:
            piece = self._pieces[0]
            if piece.made is None or not piece.made.done():
                return
            self._pieces.popleft()
            self._begin(piece)

    async def _made(self, piece: Piece) -> Pcm | FilePlayer:
        if not piece.url:
            return await self._make(piece.text, piece.language)
        peer = self._session.peer_of_leg(self._leg_id)
        picture = picture_of(peer.port) if peer is not None else "vp8"
        media = await prepared({"type": "audio", "url": piece.url}, picture, self._ask)
        return FilePlayer([media], loops=piece.loops, on_done=lambda: self._over(piece))

    def _ready(self, piece: Piece) -> None:
        made = piece.made
        if made is not None and not made.cancelled():
            made.exception()  # `_begin` tells of it
            self._next()

    def _begin(self, piece: Piece) -> None:
        assert piece.made is not None
        try:
            made = piece.made.result()
        except (SpeechUnavailable, PlaybackFailed) as why:
            self._audience("failed", piece.number, str(why))
            return
        except OSError:
            self._audience("failed", piece.number, "It cannot be played.")
            return
        self._now, self._silent = piece, 0
        if isinstance(made, FilePlayer):
            piece.file = made
            self._give(made)
            made.start()
            self._audience("started", piece.number, "")
            return
        piece.pcm, piece.first, piece.last = trimmed(made)
        if self._player is None:
            self._give(Player(self._pull, tts.RATE))

    # --- sounding, every 20 ms

    def _pull(self) -> Pcm:
        now = self._now
        if now is None or now.file is not None:
            self._silent += 1
            if self._silent == QUIET_FRAMES:
                asyncio.get_running_loop().call_soon(self._rest)
            return np.zeros(FRAME, np.int16)
        if now.at == 0:
            self._audience("started", now.number, "")
            if self._now is not now:
                return self._pull()  # the party speaks: it was dropped
        frame = now.pcm[now.at : now.at + FRAME]
        now.at += FRAME
        if now.at >= len(now.pcm):
            self._over(now)
        short = FRAME - len(frame)
        return np.concatenate((frame, np.zeros(short, np.int16))) if short else frame

    def _over(self, piece: Piece) -> None:
        """A piece was heard to its end."""
        if self._now is not piece:
            return
        was_file = piece.file is not None
        self._leave(piece)
        self._next()
        if was_file and self._now is None:
            self._give(None)
        self._audience("ended", piece.number, "")

    def _leave(self, piece: Piece) -> None:
        self._now = None
        if piece.file is not None:
            piece.file.stop()

    def _rest(self) -> None:
        if self._now is None and self._player is not None:
            self._give(None)

    def _give(self, source: Source | None) -> None:
        """Let the party hear it; None: the call."""
        self._player = source if isinstance(source, Player) else None
        peer = self._session.peer_of_leg(self._leg_id)
        if peer is not None:
            peer.play(source, self)


def trimmed(pcm: Pcm) -> tuple[Pcm, int, int]:
    """A piece without most of the silence around its voice, and from where to where that lasts."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > LOUD)
    if not len(loud):
        return pcm[:FRAME], 0, 0
    start = max(0, int(loud[0]) - LEAD)
    kept = pcm[start : int(loud[-1]) + TAIL]
    return kept, int(loud[0]) - start, int(loud[-1]) - start


def _ms(samples: int) -> int:
    return samples * 1000 // tts.RATE
