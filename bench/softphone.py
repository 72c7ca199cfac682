"""A software phone for the demo and the benchmarks: `/ws/phone` for its words, aiortc for its sound.

It speaks a tone of its own and measures what it hears by frequency. Everything it is told is kept in
`heard`; `expect` waits for one message with a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import time
from collections import deque
from typing import Any

import aioice.ice
import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

RATE = 48000
FRAME = 960
SECONDS = 10.0


def stay_on_loopback() -> None:
    """aioice leaves 127.0.0.1 out when it gathers; a demo on one machine needs nothing else."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Missing(Exception):
    """Something that should have happened did not."""


class Tone(AudioStreamTrack):
    """A sine of `hertz`, 20 ms at a time."""

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self.hertz = hertz
        self._at = 0
        self._begun: float | None = None

    async def recv(self) -> av.AudioFrame:
        now = time.monotonic()
        self._begun = now if self._begun is None else self._begun
        await asyncio.sleep(max(0.0, self._begun + self._at / RATE - now))
        steps = np.arange(self._at, self._at + FRAME)
        frame = av.AudioFrame.from_ndarray(self.wave(steps).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, fractions.Fraction(1, RATE)
        self._at += FRAME
        return frame

    def wave(self, steps: np.ndarray) -> np.ndarray:
        """The samples of those numbers, 16 bit."""
        return (np.sin(2 * np.pi * self.hertz * steps / RATE) * 12000).astype(np.int16)


class SoftPhone:
    """One device of one subscriber, on one socket, in one call at a time."""

    def __init__(self, name: str, token: str, url: str, hertz: float) -> None:
        self.name, self.token, self.url, self.hertz = name, token, url, hertz
        self.heard: list[dict[str, Any]] = []
        self.call_id = ""
        self.longest_gap = 0.0
        self.moves = self.returns = 0
        self.device_id = ""
        self.comes_back = False
        self._sound: deque[np.ndarray] = deque(maxlen=100)
        self._sound_at = 0.0
        self._place = 0
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: ClientConnection | None = None
        self.pc: RTCPeerConnection | None = None

    # --- words

    async def come_online(self) -> None:
        """Connect and authenticate; with the device id of an earlier socket, its calls are picked up."""
        self._socket = await connect(self.url, open_timeout=SECONDS, max_size=256 * 1024)
        self._spawn(self._listen(self._socket))
        await self.send("auth", token=self.token, **({"device_id": self.device_id} if self.device_id else {}))
        self.device_id = (await self.expect("auth.ok"))["device_id"]

    async def _come_back(self) -> None:
        """A lost socket keeps its calls for 15 s."""
        for _ in range(240):
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                await self.come_online()
                self.returns += 1
                return
            await asyncio.sleep(0.25)

    async def send(self, type: str, **fields: Any) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps({"type": type, **fields}))

    async def _listen(self, socket: ClientConnection) -> None:
        with contextlib.suppress(Exception):
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "call.update" and message.get("reason") == "media_moved":
                    self.call_id = message["call_id"]  # its leg may have gone over to another call
                    self._spawn(self._offer_again())
                async with self._news:
                    self.heard.append(message)
                    self._news.notify_all()
        if self.comes_back and socket is self._socket:
            self._spawn(self._come_back())

    async def expect(self, type: str, seconds: float = SECONDS, **fields: Any) -> dict[str, Any]:
        """The next message of that type that was not looked at yet. Raises Missing."""
        deadline = time.monotonic() + seconds
        async with self._news:
            while True:
                for place in range(self._place, len(self.heard)):
                    message = self.heard[place]
                    if message["type"] == "error":
                        raise Missing(
                            f"{self.name} was refused: {message.get('code')}: {message.get('message')}"
                        )
                    if message["type"] == type and all(message.get(k) == v for k, v in fields.items()):
                        self._place = place + 1
                        return message
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Missing(f"{self.name} was not told {type} within {seconds:g} s")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), left)

    # --- calls

    async def offer(self) -> str:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pc.addTrack(self.speaks())

        @self.pc.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            self._spawn(self._hear(track))

        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    def speaks(self) -> MediaStreamTrack:
        """What it says: a tone."""
        return Tone(self.hertz)

    async def take_answer(self) -> None:
        assert self.pc is not None
        answer = await self.expect("sdp.answer", call_id=self.call_id)
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def dial(self, destination: str) -> str:
        await self.send("call.create", req_id="dial", destination=destination, sdp=await self.offer())
        self.call_id = (await self.expect("call.trying"))["call_id"]
        await self.take_answer()
        return self.call_id

    async def pick_up(self) -> None:
        await self.send("call.answer", call_id=self.call_id, sdp=await self.offer())
        await self.take_answer()

    async def _offer_again(self) -> None:
        """Another media worker carries the call: it knows nothing of the connection there was."""
        former, self.moves = self.pc, self.moves + 1
        await self.send("call.update", call_id=self.call_id, sdp=await self.offer())
        await self.take_answer()
        if former is not None:
            await former.close()

    # --- sound

    async def _hear(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if not isinstance(frame, av.AudioFrame):
                    continue
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                now = time.monotonic()
                if self._sound_at:
                    self.longest_gap = max(self.longest_gap, now - self._sound_at)
                self._sound.append(samples.astype(np.float64))
                self._sound_at = now
                self.listens(now, samples)

    def listens(self, now: float, samples: np.ndarray) -> None:
        """20 ms at 48 kHz have come."""

    def forget_sound(self) -> None:
        self._sound.clear()

    @property
    def has_sound(self) -> bool:
        return bool(self._sound)

    def frequency(self, seconds: float = 0.4) -> float | None:
        """The strongest frequency of the last moments in Hz, None for silence."""
        if not self._sound or time.monotonic() - self._sound_at > 0.3:
            return None
        wave = np.concatenate(list(self._sound)[-round(seconds * 50) :])
        if len(wave) < FRAME * 5 or np.sqrt(np.mean(wave**2)) < 200:
            return None
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
        return float(np.argmax(spectrum[1:]) + 1) * RATE / len(wave)

    async def hears(self, hertz: float, seconds: float = SECONDS) -> float:
        """Wait until it hears that tone for a while; the measured frequency. Raises Missing."""
        return await self._until(
            lambda heard: heard is not None and abs(heard - hertz) < 12, f"{hertz:g} Hz", seconds
        )

    async def hears_other_than(self, hertz: float, seconds: float = SECONDS) -> float:
        return await self._until(
            lambda heard: heard is not None and abs(heard - hertz) > 30, "music", seconds
        )

    async def hears_nothing(self, seconds: float = SECONDS) -> None:
        await self._until(lambda heard: heard is None, "silence", seconds)

    async def _until(self, test: Any, what: str, seconds: float) -> float:
        deadline = time.monotonic() + seconds
        while True:
            heard = self.frequency()
            if test(heard):
                return heard or 0.0
            if time.monotonic() > deadline:
                raise Missing(f"{self.name} should hear {what}, it hears {heard and round(heard)} Hz")
            await asyncio.sleep(0.05)

    # --- end

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        self.comes_back = False
        if self.pc is not None:
            await self.pc.close()
        if self._socket is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._socket.close(), 2)
        for task in list(self._tasks):
            task.cancel()
