"""A speech worker hears a file faster than it was said, channel by channel, and lets calls go first."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calling.media.recording import transcription
from calling.speech import installed, server
from calling.speech.frames import FRAME, RATE, Pcm
from calling.speech.recogniser import Heard
from calling.speech.recognition_queue import Question
from calling.speech.server import SpeechServer
from calling.speech.transcriber import Transcriber, wish_of
from calling.speech.utterances import LEAD_MS
from tests.speech import sounds

WISH = wish_of({"model": "quick", "language": "en", "partial": False})


def file_of(rate: int, *channels: Pcm) -> io.BytesIO:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.stack(channels, axis=1).astype("<i2").tobytes())
    made.seek(0)
    return made


def pitch(pieces: Sequence[Pcm]) -> float:
    whole = np.concatenate(list(pieces))
    return float(np.abs(np.fft.rfft(whole)).argmax() * RATE / len(whole))


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_each_channel_of_a_file_is_heard_at_16_khz(rate: int) -> None:
    at = np.arange(rate) / rate
    left, right = ((np.sin(2 * np.pi * hertz * at) * 9000).astype(np.int16) for hertz in (500, 1500))
    for channel, hertz in enumerate((500, 1500)):
        pieces = list(transcription.sound_of(file_of(rate, left, right), channel))
        assert {len(each) for each in pieces} == {FRAME} and 48 <= len(pieces) <= 50
        assert abs(pitch(pieces) - hertz) < 5
    alone = list(transcription.sound_of(file_of(rate, right), 0))
    assert abs(pitch(alone) - 1500) < 5


def test_a_file_without_sound_is_unreadable() -> None:
    with pytest.raises((OSError, ValueError)):
        list(transcription.sound_of(io.BytesIO(b"no sound at all" * 100), 0))


class Loud:
    """Takes whatever is loud for a voice."""

    def process(self, data: memoryview) -> float:
        return float(np.abs(np.frombuffer(data, np.float32)).max() > 0.05)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpeechServer:
    """One whose words are the length of what was said, and which takes a while for them."""
    made = SpeechServer(tmp_path, capacity=1.0)

    async def transcriber(wish: Any, tell: Any, *, patient: bool = False) -> Transcriber:
        async def recognise(question: Question) -> Heard:
            await asyncio.sleep(0.02)
            return Heard(f"{len(question.pcm) * 1000 // RATE} ms", 1.0)

        return Transcriber(wish, Loud(), recognise, tell)

    monkeypatch.setattr(made, "_transcriber", transcriber)
    return made


async def test_no_utterance_is_left_out_however_fast_the_file_comes(worker: SpeechServer) -> None:
    said: list[Mapping[str, Any]] = []
    line = [sounds.silence(0.5)]
    for _ in range(30):
        line += [sounds.tone(0.6, 300), sounds.silence(1.2)]
    await worker.transcribe(WISH, iter(sounds.frames(*line)), said.append)
    finals = [each for each in said if each["say"] == "final"]
    assert len(finals) == 30 and worker.load == 0
    starts = [each["start_ms"] for each in finals]
    assert all(abs(start + LEAD_MS - (500 + 1800 * number)) < 50 for number, start in enumerate(starts))


async def test_a_recording_waits_while_calls_need_all_that_the_worker_can(worker: SpeechServer) -> None:
    worker.load = 1.0
    said: list[Mapping[str, Any]] = []
    sound = sounds.frames(sounds.silence(0.3), sounds.tone(0.6, 300), sounds.silence(1.0))
    working = asyncio.create_task(worker.transcribe(WISH, iter(sound), said.append))
    await asyncio.sleep(0.1)
    assert not working.done() and said == []
    worker.load = 0.0
    worker._move()
    await asyncio.wait_for(working, 5)
    assert [each["say"] for each in said] == ["voice", "quiet", "final"]


async def test_a_file_that_breaks_off_frees_its_place(worker: SpeechServer) -> None:
    def broken() -> Any:
        yield from sounds.frames(sounds.silence(1))
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await worker.transcribe(WISH, broken(), lambda words: None)
    assert worker.load == 0


@pytest.mark.slow
@pytest.mark.needs("espeak-ng")
@pytest.mark.skipif(
    not installed.recognisers(Path("/nonexistent")), reason="needs the packages of requirements-speech.lock"
)
async def test_the_real_recogniser_puts_a_file_into_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FINISH_SECONDS", 200)
    words = sounds.words("Good morning, this is the hotel reception.", "en-us", 150, wide=True)
    file = file_of(RATE, np.concatenate((sounds.silence(0.5), words, sounds.silence(1.0))))
    said: list[Mapping[str, Any]] = []
    model = installed.recognisers(tmp_path)[-1]
    wish = wish_of({"model": model, "language": "en", "partial": False})
    await SpeechServer(tmp_path).transcribe(wish, transcription.sound_of(file, 0), said.append)
    (final,) = [each for each in said if each["say"] == "final"]
    assert "hotel reception" in final["text"].lower() and 100 < final["start_ms"] < 600
