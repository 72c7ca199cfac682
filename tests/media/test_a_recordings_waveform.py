"""The envelope that a waveform is drawn from: true to the sound, and of one size whatever the length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calling.media.recording.envelope import FULL, MOST, Envelope
from calling.media.recording.recorder import Recorder, Settings
from calling.media.recording.writers import FRAME
from tests.media.test_recordings_hold_what_was_said import Voice, drive


def frame(*peaks: int) -> np.ndarray:
    pcm = np.zeros((FRAME, len(peaks)), np.int16)
    pcm[100], pcm[200] = peaks, [-peak for peak in peaks]
    return pcm


def octets(envelope: Envelope, channels: int = 1) -> np.ndarray:
    return np.frombuffer(envelope.stored() or b"", np.uint8).reshape(-1, channels)


@pytest.mark.parametrize("frames", [1, MOST, MOST + 1, 5 * MOST, 200_000])
def test_it_has_a_bounded_number_of_peaks_and_loses_none(frames):
    envelope = Envelope(2)
    loud = frames * 3 // 4
    quiet, peak = frame(100, 200), frame(FULL, 200)
    for number in range(frames):
        envelope.add(peak if number == loud else quiet)
    found = octets(envelope, 2)
    assert min(frames, MOST // 2) <= len(found) <= MOST
    assert found[:, 0].max() == 255 and (found[:, 0] == 255).sum() == 1
    assert abs(int(found[:, 0].argmax()) / len(found) - loud / frames) < 0.02, "and it is where it was"
    assert set(found[:, 1]) == {np.ceil(200 * 255 / FULL)}


def test_the_most_negative_sample_is_the_loudest():
    envelope = Envelope(1)
    envelope.add(np.full((FRAME, 1), -32768, np.int16))
    assert octets(envelope).tolist() == [[255]]


def test_of_silence_there_is_none():
    envelope = Envelope(1)
    envelope.add(frame(0))
    envelope.add_level(127, 3)
    assert envelope.stored() is None and Envelope(1).stored() is None


async def test_a_recorder_makes_it_of_what_it_writes(tmp_path: Path):
    voices = [Voice(440.0), Voice(700.0)]
    recorder = Recorder(tmp_path / "a.wav", [voice.ear for voice in voices], Settings("wav", stereo=True))
    for amplitude in (10000, 0):
        for _ in range(50):
            voices[0].say(amplitude=amplitude)
            voices[1].say(amplitude=20000 - 2 * amplitude)
            recorder._tick()
    drive(recorder, voices, 0)
    recorder.stop()
    found = octets(recorder.envelope, 2).astype(int)
    assert len(found) == 100
    left, right = found[10:45], found[60:95]
    assert np.allclose(left[:, 0], 10000 * 255 / FULL, atol=12) and left[:, 1].max() < 8
    assert np.allclose(right[:, 1], 20000 * 255 / FULL, atol=24) and right[:, 0].max() < 8


async def test_of_packets_that_pass_as_they_are_it_takes_the_level_they_tell(tmp_path: Path):
    voice = Voice(440.0)
    recorder = Recorder(tmp_path / "a.ogg", [voice.ear], Settings("ogg"))
    for level in (20, 127):
        for _ in range(50):
            voice.say()
            voice.ear.level = level
            recorder._tick()
    recorder.stop()
    found = octets(recorder.envelope)[:, 0].astype(int)
    assert 90 <= len(found) <= 100
    assert set(found[10:45]) == {np.ceil(round(FULL * 1.5 * 0.1) * 255 / FULL)} and set(found[60:]) == {0}
