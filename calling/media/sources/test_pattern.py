"""The moving test picture of /public/tone: VP8 and H.264, encoded once per process, looped for ever.

Each loop begins with a key frame, and a listener that asks for one starts the loop again. VP8 payloads
are built per listener, because picture numbers must go on in its own stream (RFC 7741).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calling.media.rtp.receive_stream import monotonic
from calling.media.rtp.source import Listener
from calling.media.rtp.ticker import ticker
from calling.sdp.model import Codec

WIDTH, HEIGHT = 320, 240
TICKS = 4  # 20 ms ticks per picture: 12.5 pictures a second
PICTURES = 50
MAX_CHUNK = 1100
BARS = (
    (235, 128, 128),
    (210, 16, 146),
    (170, 166, 16),
    (145, 54, 34),
    (106, 202, 222),
    (81, 90, 240),
    (41, 240, 110),
)


def _picture(number: int) -> Any:
    """Colour bars over which a white block moves; number: 0 to PICTURES - 1."""
    import av

    luma = np.zeros((HEIGHT, WIDTH), np.uint8)
    blue = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    red = blue.copy()
    bar = WIDTH // len(BARS) + 1
    for index, (y, u, v) in enumerate(BARS):
        luma[:, index * bar : (index + 1) * bar] = y
        blue[:, index * bar // 2 : (index + 1) * bar // 2] = u
        red[:, index * bar // 2 : (index + 1) * bar // 2] = v
    left = (WIDTH - 40) * number // PICTURES // 2 * 2
    luma[100:140, left : left + 40] = 235
    blue[50:70, left // 2 : left // 2 + 20] = red[50:70, left // 2 : left // 2 + 20] = 128
    planes = np.concatenate((luma.reshape(-1), blue.reshape(-1), red.reshape(-1)))
    return av.VideoFrame.from_ndarray(planes.reshape(HEIGHT * 3 // 2, WIDTH), format="yuv420p")


Chunks = tuple[tuple[bytes, ...], ...]
_made: dict[str, Chunks] = {}
_making = threading.Lock()


def pictures(name: str) -> Chunks:
    """Per picture the chunks that go into one packet each, made once. name: `vp8` or `h264`."""
    with _making:
        if name not in _made:
            _made[name] = _encode(name)
        return _made[name]


def made_pictures(name: str) -> Chunks | None:
    """The same; None while another thread makes them, so that a loop does not wait."""
    return _made.get(name) or (None if _making.locked() else pictures(name))


def _encode(name: str) -> Chunks:
    from fractions import Fraction

    import av

    codec: Any = av.CodecContext.create("libvpx" if name == "vp8" else "libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.bit_rate, codec.time_base, codec.framerate = 250_000, Fraction(1, 50), Fraction(25, 2)
    codec.gop_size = PICTURES * 2
    codec.options = (
        {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
        if name == "vp8"
        else {"tune": "zerolatency", "preset": "veryfast", "profile": "baseline", "level": "31"}
    )
    packets: list[Any] = []
    for number in range(PICTURES):
        frame = _picture(number)
        frame.pts = number * TICKS
        packets += codec.encode(frame)
    packets += codec.encode(None)
    cut = _chunks if name == "vp8" else _h264_chunks
    return tuple(cut(bytes(packet)) for packet in packets)


def _chunks(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + MAX_CHUNK] for at in range(0, len(data), MAX_CHUNK))


def _h264_chunks(data: bytes) -> tuple[bytes, ...]:
    """Annex B units as single packets or FU-A fragments (RFC 6184 section 5.8)."""
    chunks: list[bytes] = []
    units = [
        unit.rstrip(b"\x00")
        for unit in data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    ]
    for unit in units:
        if not unit:
            continue
        if len(unit) <= MAX_CHUNK:
            chunks.append(unit)
            continue
        head, body = unit[0], unit[1:]
        parts = [body[at : at + MAX_CHUNK] for at in range(0, len(body), MAX_CHUNK)]
        for index, part in enumerate(parts):
            edge = (0x80 if index == 0 else 0) | (0x40 if index == len(parts) - 1 else 0)
            chunks.append(bytes((head & 0xE0 | 28, edge | head & 0x1F)) + part)
    return tuple(chunks)


@dataclass
class _Place:
    at: int = 0
    wait: int = 0
    number: int = 0
    restarted: float = field(default=0.0)


class TestPicture:
    """A producer of the picture; see sources.Clip for how producers are used."""

    __test__ = False  # not a test class

    def __init__(self) -> None:
        self._places: dict[Listener, _Place] = {}

    def source(self, kind: str) -> TestPicture | None:
        return self if kind == "video" else None

    def attach(self, listener: Listener) -> None:
        if not self._places:
            ticker().add(self._tick)
        self._places[listener] = _Place(number=listener.next_picture())

    def detach(self, listener: Listener) -> None:
        self._places.pop(listener, None)

    def request_keyframe(self) -> None:
        """Start the loop again for everyone, at most once a second: its first picture is a key frame."""
        now = monotonic()
        for place in self._places.values():
            if now - place.restarted > 1.0:
                place.at, place.restarted = 0, now

    def _tick(self) -> bool:
        for listener, place in list(self._places.items()):
            place.wait -= 1
            if place.wait >= 0 or not listener.ready or listener.line is None:
                continue
            codec = next((c for c in listener.line.codecs if c.name.lower() in ("vp8", "h264")), None)
            if codec is None:
                continue
            found = made_pictures(codec.name.lower())
            if found is None:
                continue
            place.wait = TICKS - 1
            self._send(listener, place, codec, found[place.at])
        return bool(self._places)

    def _send(self, listener: Listener, place: _Place, codec: Codec, chunks: tuple[bytes, ...]) -> None:
        name = codec.name.lower()
        for index, chunk in enumerate(chunks):
            last = index == len(chunks) - 1
            payload = chunk
            if name == "vp8":
                number = place.number & 0x7FFF
                start = 0x90 if index == 0 else 0x80
                payload = bytes((start, 0x80, 0x80 | number >> 8, number & 0xFF)) + chunk
            listener.push(self, payload, codec.pt, 90000 * TICKS // 50 if last else 0, marker=last)
        place.number += 1
        place.at = (place.at + 1) % PICTURES
