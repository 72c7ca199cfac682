"""A speech worker claims recordings, puts them into words, and says why where it cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from calling import models
from calling.media.recording import transcription, transcripts
from calling.speech.recogniser import Heard, NoRecogniser
from calling.speech.recognition_queue import Question
from calling.speech.server import SpeechServer
from calling.speech.transcriber import Transcriber
from tests.speech import sounds
from tests.speech.test_recordings_become_words import RATE, Loud, file_of
from tests.support.people import Cast, make_cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
PARAMS = {"model": "quick", "language": "en-US", "hints": [], "end_silence_ms": 700, "redact": ["digits"]}


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def worker(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> SpeechServer:
    settings.DATA_DIR = tmp_path
    (tmp_path / "recordings").mkdir()
    made = SpeechServer(tmp_path)

    async def transcriber(wish: Any, tell: Any, *, patient: bool = False) -> Transcriber:
        async def recognise(question: Question) -> Heard:
            return Heard(f"Code 4711, {len(question.pcm) * 10 // RATE / 10} s.", 1.0)

        return Transcriber(wish, Loud(), recognise, tell)

    monkeypatch.setattr(made, "_transcriber", transcriber)
    return made


def waiting(
    cast: Cast, tmp_path: Path, name: str, content: bytes | None, channels: int = 1
) -> models.Recording:
    if content is not None:
        (tmp_path / "recordings" / name).write_bytes(content)
    row = models.Recording.objects.create(
        project=cast.project, call_id=cast.project.pk, control_id="r", format="wav", path=name,
        state="finished", channels=channels,
    )  # fmt: skip
    return transcripts.ask(row, PARAMS, "t")


async def settled(worker: SpeechServer, rows: list[models.Recording]) -> None:
    serving = asyncio.create_task(transcription.serve(worker))
    for _ in range(300):
        await asyncio.sleep(0.1)
        for row in rows:
            await sync_to_async(row.refresh_from_db)()
        if all(row.transcript_state in ("finished", "failed") for row in rows):
            break
    serving.cancel()


async def test_each_channel_becomes_words_in_the_order_of_time(
    cast: Cast, worker: SpeechServer, tmp_path: Path
) -> None:
    quiet, voice = sounds.silence(1), sounds.tone(0.6, 300)
    left = [quiet, voice, quiet, quiet, quiet, quiet, quiet]
    right = [quiet, quiet, quiet, quiet, voice, quiet, quiet]
    size = sum(map(len, left))
    tracks = [sounds.np.concatenate(each)[:size] for each in (left, right)]
    file = file_of(RATE, *tracks).getvalue()
    row = await sync_to_async(waiting)(cast, tmp_path, "two.wav", file, 2)
    await settled(worker, [row])
    assert row.transcript_state == "finished", row.transcript
    segments = row.transcript["segments"]
    assert [each["channel"] for each in segments] == [0, 1]
    assert all(each["text"].startswith("Code [digits]") for each in segments)
    assert segments[0]["start_ms"] < 1000 < 3000 < segments[1]["start_ms"]


async def test_what_cannot_be_read_says_so_and_the_next_one_is_taken(
    cast: Cast, worker: SpeechServer, tmp_path: Path
) -> None:
    good = file_of(RATE, sounds.np.concatenate((sounds.tone(0.6, 300), sounds.silence(1)))).getvalue()
    rows = [
        await sync_to_async(waiting)(cast, tmp_path, "broken.wav", b"RIFF" * 100),
        await sync_to_async(waiting)(cast, tmp_path, "gone.wav", None),
        await sync_to_async(waiting)(cast, tmp_path, "good.wav", good),
    ]
    await settled(worker, rows)
    assert [row.transcript_state for row in rows] == ["failed", "failed", "finished"]
    assert [row.transcript.get("reason") for row in rows] == ["unreadable", "unreadable", None]
    assert len(rows[2].transcript["segments"]) == 1


async def test_a_recogniser_that_is_not_there_is_named(
    cast: Cast, worker: SpeechServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: Any, **__: Any) -> Transcriber:
        raise NoRecogniser("the model quick is not installed")

    monkeypatch.setattr(worker, "_transcriber", none)
    row = await sync_to_async(waiting)(cast, tmp_path, "x.wav", file_of(RATE, sounds.silence(1)).getvalue())
    await settled(worker, [row])
    assert (row.transcript_state, "not installed" in row.transcript["reason"]) == ("failed", True)
