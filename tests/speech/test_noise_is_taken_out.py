"""A speech worker takes noise out by the real library, where the extra `denoise` is installed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from calling.speech import installed, weights
from calling.speech.frames import Pcm, Piece
from calling.speech.link import SpeechFailed, SpeechLink, open_link, sockets
from calling.speech.server import SpeechServer
from tests.speech import sounds
from tests.support.wait import until

INSTALLED = pytest.mark.skipif(
    not installed.denoiser(Path("/nonexistent")), reason="needs the package of requirements-denoise.lock"
)
TEXT = "Please send the blue folder to the office before nine o'clock."


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Path]:
    serving = asyncio.create_task(SpeechServer(tmp_path / "models", capacity=2.5).serve(tmp_path / "1.sock"))
    await until((tmp_path / "1.sock").exists)
    yield tmp_path
    await asyncio.sleep(0.01)  # those who left are let go
    serving.cancel()


async def through(link: SpeechLink, sound: Pcm, rate: int, samples: int) -> Pcm:
    """The sound as it comes back, in pieces of that length."""
    answers = []
    for number, at in enumerate(range(0, len(sound) - samples + 1, samples)):
        assert link.send_piece(Piece(number, rate, sound[at : at + samples]))
        answer = await asyncio.wait_for(link.answer(), 10)
        assert isinstance(answer, Piece)
        assert (answer.number, answer.rate, len(answer.pcm)) == (number, rate, samples)
        answers.append(answer.pcm)
    return np.concatenate(answers)


def decibels(sound: Pcm) -> float:
    return float(10 * np.log10(np.mean(np.square(sound.astype(np.float64))) + 1e-9))


def to_rate(sound: Pcm, rate: int) -> Pcm:
    at = np.arange(len(sound) * rate // sounds.RATE) * sounds.RATE / rate
    return np.interp(at, np.arange(len(sound)), sound).astype(np.int16)


@INSTALLED
@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize(("rate", "samples"), [(48000, 960), (8000, 160), (8000, 240), (48000, 120)])
async def test_noise_goes_and_the_voice_stays(place: Path, rate: int, samples: int) -> None:
    voice = to_rate(sounds.words(TEXT, wide=rate > 8000), rate)
    pause = np.zeros(rate, np.int16)
    clean = np.concatenate((pause, voice, pause))
    noise = np.random.default_rng(7).normal(size=len(clean)) * 10 ** ((decibels(voice) - 15) / 20)
    link = await open_link(sockets(place), {"job": "denoise"})
    noisy = np.clip(clean + noise, -32768, 32767).astype(np.int16)
    heard = await through(link, noisy, rate, samples)
    link.close()
    last, first = slice(-rate // 2, None), slice(rate, rate + len(voice))
    assert decibels(heard[last]) < decibels(noisy[last]) - 20
    assert abs(decibels(heard[first]) - decibels(voice)) < 1
    step = rate // 1000
    lag = max(range(0, 40 * step, step), key=lambda each: alike(clean, heard, each, 40 * step))
    assert lag <= 34 * step


def alike(one: Pcm, other: Pcm, lag: int, most: int) -> float:
    size = min(len(one), len(other)) - most
    return float(np.dot(one[:size].astype(float), other[lag : lag + size].astype(float)))


@INSTALLED
async def test_two_parties_have_a_state_each(place: Path) -> None:
    noise = (np.random.default_rng(3).normal(size=48000) * 2000).astype(np.int16)
    alone = await open_link(sockets(place), {"job": "denoise"})
    expected = await through(alone, noise, 48000, 960)
    alone.close()
    links = [await open_link(sockets(place), {"job": "denoise"}) for _ in range(2)]
    with pytest.raises(SpeechFailed, match="speech_full"):
        await open_link(sockets(place), {"job": "denoise"})
    found = await asyncio.gather(*(through(link, noise, 48000, 960) for link in links))
    for link in links:
        link.close()
    assert all(np.array_equal(each, expected) for each in found)


@INSTALLED
async def test_a_rate_that_no_codec_has_ends_the_session(place: Path) -> None:
    link = await open_link(sockets(place), {"job": "denoise"})
    link.send_piece(Piece(0, 44100, np.zeros(882, np.int16)))
    with pytest.raises(SpeechFailed, match="speech_worker_lost"):
        await link.answer()


async def test_a_library_with_another_hash_is_refused(place: Path) -> None:
    (place / "models" / "rnnoise").mkdir(parents=True)
    (place / "models" / "rnnoise" / "librnnoise.so").write_bytes(b"another")
    with pytest.raises(weights.NoWeights, match="another hash"):
        weights.directory("denoise", place / "models")
    with pytest.raises(SpeechFailed, match="another hash"):
        await open_link(sockets(place), {"job": "denoise"})


async def test_where_no_library_is_installed_it_says_which(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(SpeechFailed, match="pyrnnoise is not installed"):
        await open_link(sockets(place), {"job": "denoise"})
