"""A media worker's way to a speech worker: one party's sound out, words or sound back. It never waits for
sound to go.

What does not fit into five seconds of buffer is dropped and counted; the numbers of the frames tell the
other side where.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import clock
from calling.speech import frames
from calling.speech.frames import Packets, Pcm, Piece

MOST_BUFFERED: Final = 5 * frames.RATE * 2  # bytes, beside what the kernel holds
READY_SECONDS: Final = 60.0  # without a word; a worker that loads a model, when first asked for it, says so
LOST: Final = "speech_worker_lost"


class SpeechFailed(Exception):
    """No words will come; the text is the reason."""


def sockets(directory: Path) -> list[Path]:
    """Of every speech worker of this host, in random order."""
    found = sorted(directory.glob("*.sock"))
    clock.dice.shuffle(found)
    return found


class SpeechLink:
    """One session at one worker. Made by `open_link`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dropped = 0
        self._reader, self._writer = reader, writer
        self._incoming = frames.FrameReader()
        self._came: deque[dict[str, Any] | Piece] = deque()

    def send(self, number: int, pcm: Pcm) -> bool:
        """Hand over 20 ms; whether it went. Never waits."""
        return self._send(frames.of_sound(number, pcm))

    def send_packets(self, came: Packets) -> bool:
        """Hand over what came; whether it went. Never waits."""
        return self._send(frames.of_packets(came), came.steps)

    def send_piece(self, piece: Piece) -> bool:
        """Hand over the sound of one packet; whether it went. Never waits."""
        return self._send(frames.of_piece(piece))

    def _send(self, frame: bytes, steps: int = 1) -> bool:
        transport = self._writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() > MOST_BUFFERED:
            self.dropped += steps
            return False
        self._writer.write(frame)
        return True

    def end(self) -> None:
        """The sound is over: the last words come, then `finished`."""
        if not self._writer.transport.is_closing():
            self._writer.write(frames.of_words({"say": "end"}))

    async def words(self) -> dict[str, Any]:
        """What it says next; sound is passed over. Raises SpeechFailed, when the worker dies too."""
        while not isinstance(found := await self.answer(), dict):
            pass
        return found

    async def answer(self) -> dict[str, Any] | Piece:
        """What comes next. Raises SpeechFailed, when the worker dies too."""
        while not self._came:
            try:
                data = await self._reader.read(65536)
                if not data:
                    raise SpeechFailed(LOST)
                self._came.extend(
                    each for each in self._incoming.feed(data) if isinstance(each, dict | Piece)
                )
            except (ConnectionError, frames.BadFrame):
                raise SpeechFailed(LOST) from None
        found = self._came.popleft()
        if isinstance(found, dict) and found.get("say") == "failed":
            raise SpeechFailed(str(found.get("reason") or LOST)[:300])
        return found

    def close(self) -> None:
        self._writer.transport.abort()


async def open_link(places: Sequence[Path], ask: Mapping[str, Any]) -> SpeechLink:
    """A session at the first worker that takes it. Raises SpeechFailed with the reason of the last."""
    reason = "speech_unavailable"
    for place in places:
        try:
            reader, writer = await asyncio.open_unix_connection(place)
        except OSError:
            continue
        link = SpeechLink(reader, writer)
        try:
            writer.write(frames.of_words(ask))
            while (await asyncio.wait_for(link.words(), READY_SECONDS)).get("say") == "loading":
                pass
            return link
        except SpeechFailed as why:
            reason = str(why)
        except TimeoutError:
            reason = "speech_worker_slow"
        except BaseException:
            link.close()
            raise
        link.close()
    raise SpeechFailed(reason)
