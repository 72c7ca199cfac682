"""Software phones of the media tests: stock aiortc peers that send tones and measure what they hear."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack, VideoStreamTrack

from bench.softphone import Tone, stay_on_loopback
from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.source import Producer
from calling.media.sources.test_pattern import TestPicture
from calling.media.sources.tones import tone
from calling.media.webrtc.peer import WebRtcPeer
from tests.support.mux import LOOP, MUX
from tests.support.wait import until

stay_on_loopback()

CONFIG = MediaConfig(ports=(31000, 39999), mux=MUX, loop=LOOP)


class ColourTrack(VideoStreamTrack):
    """320x240 pictures of one grey value."""

    def __init__(self, grey: int) -> None:
        super().__init__()
        self.grey = grey

    async def recv(self) -> av.VideoFrame:
        pts, base = await self.next_timestamp()
        plane = np.full((240 * 3 // 2, 320), 128, np.uint8)
        plane[:240] = self.grey
        plane[0:16, 0:16] = pts // 3000 % 255
        frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
        frame.pts, frame.time_base = pts, base
        return frame


class Phone:
    """One device: an aiortc peer connection with ears and eyes."""

    def __init__(
        self, hertz: float | None = 440.0, grey: int | None = None, codec: str | None = None
    ) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.sound: deque[np.ndarray] = deque(maxlen=100)
        self.frames = 0
        self.grey: float | None = None
        self.heard_at = 0.0
        self.longest_gap = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        if hertz is not None:
            self.pc.addTrack(Tone(hertz))
        if grey is not None:
            self.pc.addTrack(ColourTrack(grey))
        if codec is not None:
            chosen = RTCRtpSender.getCapabilities("audio").codecs
            self.pc.getTransceivers()[0].setCodecPreferences(
                [one for one in chosen if one.mimeType.lower() == f"audio/{codec.lower()}"]
            )

        @self.pc.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            self._tasks.append(asyncio.ensure_future(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.AudioFrame):
                    samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                    self.sound.append(samples.astype(np.float64))
                    self.rate = frame.sample_rate
                    now = time.monotonic()
                    if self.heard_at:
                        self.longest_gap = max(self.longest_gap, now - self.heard_at)
                    self.heard_at = now
                else:
                    self.frames += 1
                    self.grey = float(frame.to_ndarray(format="gray")[100:200, 100:200].mean())

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def take(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answer(self, offer: str) -> str:
        await self.pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self.pc.localDescription.sdp

    def hertz(self, seconds: float = 0.4) -> float | None:
        """The strongest frequency of the last moments, None for silence."""
        if not self.sound or time.monotonic() - self.heard_at > 0.5:
            return None
        wave = np.concatenate(list(self.sound)[-round(seconds * 50) :])
        if np.sqrt(np.mean(wave**2)) < 200:
            return None
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
        return float(np.argmax(spectrum[1:]) + 1) * self.rate / len(wave)

    def hears(self, hertz: float, tolerance: float = 12.0) -> bool:
        found = self.hertz()
        return found is not None and abs(found - hertz) < tolerance

    async def close(self) -> None:
        await self.pc.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def joined(*phones: Phone, wants: Media | None = None) -> AsyncIterator[list[WebRtcPeer]]:
    """Platform peers for these phones, connected; everything is closed at the end."""
    peers = [WebRtcPeer(CONFIG) for _ in phones]
    try:
        for phone, peer in zip(phones, peers, strict=True):
            await phone.take(await peer.answer(await phone.offer(), wants))
        await until(lambda: all(peer.port.up for peer in peers), what="connecting")
        yield peers
    finally:
        await asyncio.gather(*(peer.close() for peer in peers))
        await asyncio.gather(*(phone.close() for phone in phones))


class ToneAndPicture:
    """440 Hz, and the test picture to those who receive video."""

    def __init__(self) -> None:
        self._parts: dict[str, Producer] = {"audio": tone(), "video": TestPicture()}

    def source(self, kind: str) -> Producer | None:
        return self._parts.get(kind)
