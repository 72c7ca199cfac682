"""Speech to words, by the real models, where the extra `stt` is installed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calling.speech import installed, server
from calling.speech.link import open_link, sockets
from calling.speech.recogniser import Recognisers
from calling.speech.server import SpeechServer
from tests.speech import sounds
from tests.support.wait import until

NOWHERE = Path("/nonexistent")
pytestmark = [
    pytest.mark.needs("espeak-ng"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not installed.recognisers(NOWHERE), reason="needs the packages of requirements-speech.lock"
    ),
]
SAID = ("Good morning, this is the hotel reception.", "Your room is on the second floor.")


@pytest.mark.parametrize("model", installed.recognisers(NOWHERE) or ("none",))
async def test_two_sentences_come_as_two_finals_with_their_times(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FINISH_SECONDS", 200)  # whatever else the machine does
    serving = asyncio.create_task(SpeechServer(tmp_path / "models").serve(tmp_path / "1.sock"))
    await until((tmp_path / "1.sock").exists)
    ask = {"job": "transcribe", "model": model, "language": "en", "partial": False}
    session = await open_link(sockets(tmp_path), ask)
    first, second = (sounds.words(each, "en-us", 150, wide=True) for each in SAID)
    line = sounds.frames(sounds.silence(0.5), first, sounds.silence(1.5), second, sounds.silence(1.5))
    for number, pcm in enumerate(line):
        session.send(number, pcm)
        await asyncio.sleep(0)
    session.end()
    came: list[dict[str, Any]] = []
    while not came or came[-1]["say"] != "finished":
        came.append(await session.words())
    finals = [each for each in came if each["say"] == "final"]
    assert len(finals) == 2 and came[-1]["dropped_ms"] == 0
    assert "reception" in finals[0]["text"].lower() and "second floor" in finals[1]["text"].lower()
    begins = 500 + len(first) // 16 + 1500
    assert abs(finals[1]["start_ms"] - begins) < 500 and 0 < finals[0]["confidence"] <= 1
    assert all(each["start_ms"] < each["end_ms"] for each in finals)
    session.close()
    serving.cancel()


@pytest.mark.parametrize("model", installed.recognisers(NOWHERE) or ("none",))
def test_a_short_utterance_is_heard_once(model: str) -> None:
    """An encoder that is given too little repeats a word for as long as it may."""
    recogniser = Recognisers(NOWHERE).get(model)
    for said in ("Goodbye.", "Yes.", "No, thank you."):
        sound = np.concatenate((sounds.silence(0.3), sounds.words(said, "en-us", 160, wide=True)))
        found = recogniser.recognise(sound, "en", ()).text
        assert 1 <= len(found.split()) <= len(said.split()) + 2, found
