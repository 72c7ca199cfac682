"""One leg's packets on their way to a process that decodes them: collected here, and heard there.

Each batch holds what came in some steps of 20 ms, and in which of them, so that the jitter buffer on the
other side gets each packet at the time at which it came here. How batches travel (speech/frames.py) and what
is done with the sound are not known here.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import clock
from calling.media.codecs.late_tap import LateTap
from calling.media.codecs.opus import Pcm
from calling.media.codecs.track_reader import TrackReader
from calling.sdp.model import Codec
from calling.speech.frames import CODECS, FRAME_MS, LONGEST_PAYLOAD, MOST_PACKETS, RATE, Packet, Packets

STEP: Final = FRAME_MS / 1000


class PacketCollector(LateTap):
    """What one party sends: a LaterTap of its receiver."""

    def __init__(self) -> None:
        super().__init__()
        self._came: deque[tuple[float, str, int, bytes]] = deque(maxlen=MOST_PACKETS)

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        self.kept(payload, codec, sequence, level, clock.monotonic())

    def kept(self, payload: memoryview, codec: Codec, sequence: int, level: int | None, at: float) -> None:
        name = codec.name.lower()
        if name in CODECS and len(payload) <= LONGEST_PAYLOAD:
            self._came.append((at, name, sequence, bytes(payload)))

    def batch(self, number: int, steps: int) -> Packets:
        """What came in the last `steps` steps, the first of which is that number."""
        self.drain()
        since = clock.monotonic() - steps * STEP
        packets = [
            Packet(min(steps - 1, max(0, int((at - since) / STEP))), name, sequence, payload)
            for at, name, sequence, payload in self._came
        ]
        self._came.clear()
        return Packets(number, steps, packets)


class PacketHearer:
    """Batches to sound: a Hearer of the speech worker."""

    def __init__(self) -> None:
        self._reader = TrackReader(RATE)
        self._codecs = {name: Codec(name, 48000 if name == "opus" else 8000, 1, 0) for name in CODECS}
        self._next = 0

    def hear(self, came: Packets) -> list[Pcm]:
        """20 ms for each step."""
        if came.number > self._next:
            self._reader.forget()  # what is missing is no loss of the network
        self._next = came.number + came.steps
        heard = []
        waiting = deque(came.packets)
        for step in range(came.steps):
            while waiting and waiting[0].step <= step:
                packet = waiting.popleft()
                payload = memoryview(packet.payload)
                self._reader.packet(payload, self._codecs[packet.codec], packet.sequence, 0, False, None)
            heard.append(self._reader.twenty())
        return heard
