"""A relay's stage without a call: a party whose packets are seen and made here, and a real server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve

from calling.media.codecs import g711
from calling.media.codecs.opus import Pcm
from calling.media.codecs.track_reader import TrackReader
from calling.media.files.turns import Asker
from calling.media.operations.playback import asker_of
from calling.media.session.rows import OperationRow
from calling.sdp.model import Codec

PCMU = Codec("PCMU", 8000, 1, 0)


class Party:
    """A peer: what it is sent, with times, and packets of what it says, every 20 ms."""

    line = SimpleNamespace(sends=True)
    codec, ready = PCMU, True

    def __init__(self) -> None:
        self.port = SimpleNamespace(audio_in=self, send_digits=lambda digits: True)
        self.loud_at = 0.0
        self.began_at = 0.0
        self._ears: list[TrackReader] = []
        self._source: Any = None
        self._saying: list[bytes] = []
        self.said_at: list[float] = []  # of each loud packet of its own

    # as a peer
    def play(self, source: Any, by: object) -> None:
        if self._source is not None:
            self._source.detach(self)
        self._source = source.source("audio") if source is not None else None
        if self._source is not None:
            self._source.attach(self)

    def tap(self, ear: TrackReader) -> None:
        self._ears.append(ear)

    tap_later = tap

    def untap(self, ear: TrackReader) -> None:
        self._ears.remove(ear)

    # as a listener
    def push(self, feeder: object, payload: bytes, pt: int, step: int, marker: bool = False) -> None:
        if np.abs(g711.decode("pcmu", payload).astype(int)).max() > 600:
            now = time.monotonic()
            if now - self.loud_at > 1:
                self.began_at = now
            self.loud_at = now

    def lent(self, feeder: object) -> None:
        """Each payload comes to `push`."""

    def offer(self, feeder: object, codec: Codec) -> None:
        """Nothing may be taken over."""

    def next_picture(self) -> int:
        return 0

    # as somebody who speaks
    def say(self, pcm: Pcm) -> None:
        """16 kHz, from the next packet on."""
        narrow = pcm.reshape(-1, 2).mean(axis=1).astype(np.int16)
        self.said_at = []
        self._saying = [g711.encode("pcmu", narrow[at : at + 160]) for at in range(0, len(narrow) - 159, 160)]

    async def live(self) -> None:
        number, silence = 0, g711.encode("pcmu", np.zeros(160, np.int16))
        began = time.monotonic()
        while True:
            payload = self._saying.pop(0) if self._saying else silence
            if np.abs(g711.decode("pcmu", payload).astype(int)).max() > 1000:
                self.said_at.append(time.monotonic())
            for ear in self._ears:
                ear.packet(memoryview(payload), PCMU, number % 65536, number * 160, False, None)
            number += 1
            await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))


def session_of(party: Party) -> Any:
    async def run(work: Callable[..., Any], *args: Any) -> Any:
        return Asker() if work is asker_of else ({"callSid": "c"}, "key")

    leg = SimpleNamespace(id="leg", peer_id="peer", party="device", address="")
    return SimpleNamespace(
        id="s", epoch=1, peers={"peer": party}, calls={}, desk=SimpleNamespace(run=run),
        signal_queue=SimpleNamespace(work=lambda call_id, work: None),
        leg=lambda leg_id: leg, peer_of_leg=lambda leg_id: party,
    )  # fmt: skip


class Bot:
    def __init__(self) -> None:
        self.told: list[tuple[float, dict[str, Any]]] = []
        self.socket: ServerConnection | None = None

    async def serve(self, socket: ServerConnection) -> None:
        self.socket = socket
        async for text in socket:
            self.told.append((time.monotonic(), json.loads(text)))

    async def say(self, **frame: Any) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(frame))

    def of(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        return [each for each in self.told if each[1]["type"] == kind]


@asynccontextmanager
async def a_bot(port: int = 0) -> AsyncIterator[tuple[Bot, str]]:
    bot = Bot()
    async with serve(bot.serve, "127.0.0.1", port) as server:
        yield bot, f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


def row_of(url: str, model: str = "quick", **more: Any) -> OperationRow:
    params = {
        "url": url, "language": "en-US", "interruptible": "any", "digits": False, "preemptible": False,
        "greeting_interruptible": "any", "report": "none", "partial": False, "debug": [], "gender": "female",
        "hear": {"model": model, "language": "en-US", "hints": [], "end_silence_ms": 500}, **more,
    }  # fmt: skip
    return OperationRow("o", "c", "leg", "relay", "x", params, "wanted", "run", 0)
