"""The protocol between media worker and speech worker: whatever the pieces, the same frames."""

from __future__ import annotations

import numpy as np
import pytest

from calling.speech import frames
from calling.speech.frames import BadFrame, FrameReader, Packet, Packets, Sound

PCM = np.arange(frames.FRAME, dtype=np.int16)
BYTES = frames.of_words({"job": "detect", "text": "ä"}) + frames.of_sound(7, PCM) + frames.of_words({})


@pytest.mark.parametrize("size", [1, 3, 100, len(BYTES)])
def test_frames_come_whole_whatever_the_pieces(size: int) -> None:
    reader = FrameReader()
    pieces = (BYTES[at : at + size] for at in range(0, len(BYTES), size))
    first, sound, last = [frame for piece in pieces for frame in reader.feed(piece)]
    assert first == {"job": "detect", "text": "ä"} and last == {}
    assert isinstance(sound, Sound) and sound.number == 7 and (sound.pcm == PCM).all()


def test_packets_come_as_they_were_sent() -> None:
    sent = Packets(7, 5, [Packet(0, "opus", 65535, b"one"), Packet(4, "pcmu", 0, b"")])
    none = Packets(12, 1, [])
    assert list(FrameReader().feed(frames.of_packets(sent) + frames.of_packets(none))) == [sent, none]


@pytest.mark.parametrize(
    "packets",
    [Packets(0, 0, []), Packets(0, 51, []), Packets(0, 1, [Packet(0, "opus", 0, b"")] * 65)],
    ids=["no time", "much time", "many"],
)
def test_a_batch_has_a_length_and_an_end(packets: Packets) -> None:
    with pytest.raises(ValueError, match="batch"):
        frames.of_packets(packets)


@pytest.mark.parametrize(
    "data",
    [
        b"\x03\x00\x00\x00\x04\0\0\0\0",
        b"\x03\x00\x00\x00\x05\0\0\0\0\0",
        b"\x03\x00\x00\x00\x0b\0\0\0\0\x01\x01\0\0\0\0\0",
        b"\x03\x00\x00\x00\x0b\0\0\0\0\x01\0\x04\0\0\0\0",
        b"\x03\x00\x00\x00\x0b\0\0\0\0\x01\0\0\0\0\0\x01",
        b"\x03\x00\x00\x00\x08\0\0\0\0\x01\0\0\0",
        b"\x02\x00\x00\x00\x01x",
        b"\x00\xff\xff\xff\xff",
        b"\x01\x00\x00\x00\x04abcd",
        b"\x00\x00\x00\x00\x02[]",
        b"\x00\x00\x00\x00\x01{",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        list(FrameReader().feed(data))
