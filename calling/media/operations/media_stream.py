"""Media streams: the call's sound to a WebSocket of the customer's and back, in Twilio's protocol.

JSON text frames; 20 ms of PCMU at 8 kHz (or L16 at 16 kHz) in base64. Out: `connected`, `start`, `media`,
`dtmf`, `mark`, `stop`; in: `media`, `mark`, `clear`. What comes in is kept in order and played by whoever
calls `pull` every 20 ms; a mark is sent back when everything before it has been played, or at once when
`clear` drops it. The connection goes to a vetted address only. A connection that breaks is made again a few
times, with a fresh `start`; sound meanwhile is dropped, never queued up: both directions hold a bounded
amount.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from calling.media.codecs import g711
from calling.media.codecs.opus import Pcm
from calling.outbound_http import web_socket
from calling.outbound_http.url_text import UnsafeUrl

BACKOFF: Final = (0.3, 1.0, 3.0)
GOODBYE_SECONDS: Final = 1.0
OUT_FRAMES: Final = 100  # 2 s of frames that could not be sent yet
IN_SECONDS: Final = 120  # what a bot may send ahead of its playing
MAX_FRAME: Final = 256 * 1024
MAX_MARKS: Final = 500


class StreamFailed(Exception):
    """The stream could not be set up, or broke for good. The text may be shown."""


@dataclass(frozen=True)
class StreamSettings:
    """What the other side is told. `tracks`: inbound (what the party says), outbound (what it hears)."""

    url: str
    call_id: str
    account_id: str
    tracks: tuple[str, ...] = ("inbound",)
    codec: str = "PCMU"
    parameters: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    bearer: str = ""
    signing_key: str = ""
    bidirectional: bool = True

    @property
    def rate(self) -> int:
        return 16000 if self.codec.upper().startswith("L16") else 8000

    @property
    def encoding(self) -> str:
        return "audio/x-l16" if self.rate == 16000 else "audio/x-mulaw"


class MediaStream:
    """One stream. `run` holds the connection; `send`, `digit` and `pull` are called from the same loop."""

    def __init__(self, settings: StreamSettings, *, allow_private: bool | None = None) -> None:
        self.settings = settings
        self.stream_id = "MZ" + secrets.token_hex(16)
        self.started = asyncio.Event()
        self.reconnects = self.dropped = 0
        self._allow_private = allow_private
        self._out: deque[tuple[str, str, int]] = deque(maxlen=OUT_FRAMES)
        self._digits: deque[str] = deque(maxlen=64)
        self._ready = asyncio.Event()
        self._stopping = False
        self._sequence = 0
        self._chunks: dict[str, int] = {}
        self._played = bytearray()
        self._marks: deque[tuple[int, str]] = deque()
        self._done_marks: deque[str] = deque(maxlen=MAX_MARKS)
        self._taken = self._given = 0  # bytes ever received and ever played
        self._frame = self.settings.rate // 50 * (2 if self.settings.rate == 16000 else 1)

    # --- from the call

    def send(self, track: str, pcm: Pcm, timestamp_ms: int) -> None:
        """20 ms of a track at the stream's rate. While there is no connection it is dropped."""
        if not self.started.is_set():
            return
        raw = g711.encode("pcmu", pcm) if self.settings.rate == 8000 else pcm.astype("<i2").tobytes()
        if len(self._out) == OUT_FRAMES:
            self.dropped += 1
        self._out.append((track, base64.b64encode(raw).decode("ascii"), timestamp_ms))
        self._ready.set()

    def digit(self, digit: str) -> None:
        """The party pressed a key."""
        self._digits.append(digit)
        self._ready.set()

    def stop(self) -> None:
        """Say `stop` and close; `run` returns."""
        self._stopping = True
        self._ready.set()

    # --- to the call

    @property
    def waiting(self) -> bool:
        """Whether there is sound to play."""
        return bool(self._played)

    def pull(self) -> Pcm:
        """The next 20 ms to play, at `settings.rate`; silence where there is nothing."""
        piece = bytes(self._played[: self._frame])
        del self._played[: self._frame]
        self._given += len(piece)
        while self._marks and self._marks[0][0] <= self._given:
            self._done_marks.append(self._marks.popleft()[1])
            self._ready.set()
        if self.settings.rate == 8000:
            pcm = g711.decode("pcmu", piece) if piece else np.zeros(0, np.int16)
        else:
            pcm = np.frombuffer(piece[: len(piece) // 2 * 2], "<i2").astype(np.int16)
        size = self.settings.rate // 50
        return pcm if len(pcm) == size else np.concatenate((pcm, np.zeros(size - len(pcm), np.int16)))

    # --- the connection

    async def run(self) -> None:
        """Hold the stream until `stop`, or until the other side closes it in order.

        Raises StreamFailed when it cannot be set up or breaks more often than the policy allows.
        """
        tries = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._once()
                return
            except UnsafeUrl as problem:
                raise StreamFailed(str(problem)) from None
            except web_socket.BROKEN:
                self.started.clear()
            if self._stopping:
                return
            if asyncio.get_running_loop().time() - began > 30:
                tries = 0  # it had worked for a while
            if tries >= len(BACKOFF):
                raise StreamFailed("the stream's server cannot be reached") from None
            await asyncio.sleep(BACKOFF[tries] * (0.8 + secrets.randbelow(400) / 1000))
            tries += 1
            self.reconnects += 1

    async def _once(self) -> None:
        connection = await web_socket.dial(
            self.settings.url,
            headers=self._headers(),
            max_size=MAX_FRAME,
            allow_private=self._allow_private,
        )
        try:
            await self._begin(connection)
            await self._exchange(connection)
        except* ConnectionClosed as group:
            if not web_socket.in_order(group.exceptions[0]):
                raise ConnectionResetError from None
        finally:
            self.started.clear()
            with contextlib.suppress(Exception):
                await connection.close()

    async def _exchange(self, connection: ClientConnection) -> None:
        try:
            async with asyncio.TaskGroup() as both:
                reader = both.create_task(self._read(connection))
                writer = both.create_task(self._write(connection))
                reader.add_done_callback(lambda _: writer.cancel())
                writer.add_done_callback(lambda _: reader.cancel())
        except asyncio.CancelledError:  # its call has ended: the other side is told in order
            with contextlib.suppress(Exception):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._say_stop(connection)
            raise

    async def _say_stop(self, connection: ClientConnection) -> None:
        ids = {"accountSid": self.settings.account_id, "callSid": self.settings.call_id}
        await self._say(connection, "stop", {"stop": ids})

    def _headers(self) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self.settings.bearer}"} if self.settings.bearer else {}
        return {**bearer, **web_socket.signed(self.settings.url, self.settings.signing_key)}

    async def _begin(self, connection: ClientConnection) -> None:
        self._sequence, self._chunks = 0, dict.fromkeys(self.settings.tracks, 0)
        self._out.clear()
        await connection.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        settings = self.settings
        start = {
            "accountSid": settings.account_id,
            "streamSid": self.stream_id,
            "callSid": settings.call_id,
            "tracks": list(settings.tracks),
            "mediaFormat": {"encoding": settings.encoding, "sampleRate": settings.rate, "channels": 1},
            "customParameters": dict(settings.parameters),
        }
        if settings.name:
            start["name"] = settings.name
        await self._say(connection, "start", {"start": start})
        self.started.set()

    async def _say(self, connection: ClientConnection, event: str, body: dict[str, Any]) -> None:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_id, **body}
        await connection.send(json.dumps(message))

    async def _write(self, connection: ClientConnection) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._digits:
                digit = {"track": "inbound_track", "digit": self._digits.popleft()}
                await self._say(connection, "dtmf", {"dtmf": digit})
            while self._done_marks:
                await self._say(connection, "mark", {"mark": {"name": self._done_marks.popleft()}})
            while self._out:
                track, payload, at = self._out.popleft()
                self._chunks[track] = self._chunks.get(track, 0) + 1
                media = {
                    "track": track,
                    "chunk": str(self._chunks[track]),
                    "timestamp": str(at),
                    "payload": payload,
                }
                await self._say(connection, "media", {"media": media})
            if self._stopping:
                await self._say_stop(connection)
                await connection.close()
                return

    async def _read(self, connection: ClientConnection) -> None:
        """Take the other side's messages. Binary frames, bad JSON and unknown events are passed over."""
        while True:
            text = await connection.recv()
            if not isinstance(text, str):
                continue
            try:
                message = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(message, dict) and self.settings.bidirectional:
                self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"event": "media", "media": {"payload": str(payload)}}:
                try:
                    sound = base64.b64decode(payload, validate=True)
                except (binascii.Error, ValueError):
                    return
                if len(self._played) + len(sound) <= IN_SECONDS * self._frame * 50:
                    self._played += sound
                    self._taken += len(sound)
            case {"event": "mark", "mark": {"name": str(name)}}:
                if len(self._marks) < MAX_MARKS:
                    self._marks.append((self._taken, name[:200]))
                if not self._played:
                    self._flush_marks()
            case {"event": "clear"}:
                self._played.clear()
                self._given = self._taken
                self._flush_marks()

    def _flush_marks(self) -> None:
        while self._marks:
            self._done_marks.append(self._marks.popleft()[1])
        self._ready.set()
