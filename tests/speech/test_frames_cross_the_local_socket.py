"""The protocol between media worker and speech worker: whatever the pieces, the same frames."""

from __future__ import annotations

import numpy as np
import pytest

from calling.speech import frames
from calling.speech.frames import BadFrame, FrameReader, Sound

PCM = np.arange(frames.FRAME, dtype=np.int16)
BYTES = frames.of_words({"job": "detect", "text": "ä"}) + frames.of_sound(7, PCM) + frames.of_words({})


@pytest.mark.parametrize("size", [1, 3, 100, len(BYTES)])
def test_frames_come_whole_whatever_the_pieces(size: int) -> None:
    reader = FrameReader()
    pieces = (BYTES[at : at + size] for at in range(0, len(BYTES), size))
    first, sound, last = [frame for piece in pieces for frame in reader.feed(piece)]
    assert first == {"job": "detect", "text": "ä"} and last == {}
    assert isinstance(sound, Sound) and sound.number == 7 and (sound.pcm == PCM).all()


@pytest.mark.parametrize(
    "data",
    [
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
