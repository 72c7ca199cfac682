"""The transcript of a recording: asked for once, kept beside it, told without its words, deleted with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import clock
from calling import models
from calling.media.recording import transcripts
from calling.speech import installed
from tests.support import fake_worker, rest_client

WORDS = [
    {"text": "Good morning.", "confidence": 0.9, "start_ms": 100, "end_ms": 900},
    {"text": "How can I help?", "confidence": 0.8, "start_ms": 1500, "end_ms": 2400},
]


pytestmark = pytest.mark.usefixtures("speech_worker")


def recorded(cast: Any, state: str = "finished") -> models.Recording:
    return models.Recording.objects.create(
        project=cast.project, call_id=fake_worker.talking(cast), control_id="r1", format="wav",
        path="aa/r.wav", state=state,
    )  # fmt: skip


def told(call_id: Any, cast: Any) -> list[dict[str, Any]]:
    events = cast.rest.get(f"/api/calls/{call_id}/events").json()["data"]
    return [each for each in events if each["type"].startswith("transcribe.")]


def test_it_is_asked_for_claimed_and_kept_beside_the_recording(cast):
    row = recorded(cast)
    path = f"/api/recordings/{row.pk}"
    assert cast.rest.get(path).json()["transcript"] is None
    body = {"language": "de-DE", "model": "accurate", "hints": ["Schmidt"], "control_id": "t1"}
    answer = cast.rest.post(f"{path}/transcribe", body)
    assert answer.status_code == 200 and answer.json()["transcript"]["state"] == "wanted"
    assert rest_client.error_of(cast.rest.post(f"{path}/transcribe"), 409)["code"] == "not_allowed"
    claimed = transcripts.claim()
    assert claimed is not None and claimed.pk == row.pk and transcripts.claim() is None
    assert claimed.transcript["params"]["hints"] == ["Schmidt"]
    transcripts.finish(row.pk, WORDS)
    found = cast.rest.get(path).json()["transcript"]
    assert (found["state"], found["language"], found["control_id"]) == ("finished", "de-DE", "t1")
    assert found["text"] == "Good morning. How can I help?" and found["segments"] == WORDS
    (listed,) = cast.rest.get("/api/recordings").json()["data"]
    assert listed["transcript"]["state"] == "finished" and "text" not in listed["transcript"]
    events = told(row.call_id, cast)
    assert [each["type"] for each in events] == ["transcribe.started", "transcribe.finished"]
    assert {each["data"]["recording_id"] for each in events} == {str(row.pk)}
    assert events[1]["data"]["segments"] == 2 and "Good morning" not in str(events)
    assert not [
        each
        for each in cast.bob.rest.get(f"/api/calls/{row.call_id}/events").json()["data"]
        if each["type"].startswith("transcribe.")
    ]
    assert cast.rest.post(f"{path}/transcribe").json()["transcript"]["state"] == "wanted"  # once more


def test_what_cannot_be_transcribed_says_why(cast, mallory, settings: Any, monkeypatch):
    writing = recorded(cast, "recording")
    path = f"/api/recordings/{writing.pk}/transcribe"
    assert rest_client.error_of(cast.rest.post(path), 409)["code"] == "not_allowed"
    rest_client.error_of(mallory.rest.post(path), 404)
    rest_client.error_of(cast.alice.rest.post(path), 403)
    assert rest_client.error_of(cast.rest.post(path, {"language": "x!"}), 422)["attribute"] == "language"
    assert rest_client.error_of(cast.rest.post(path, {"legs": 1}), 422)["attribute"] == "legs"
    monkeypatch.setattr(installed, "recognisers", lambda own: ())
    assert rest_client.error_of(cast.rest.post(path), 422)["code"] == "speech_unavailable"
    settings.CALLWRIGHT_SPEECH_WORKERS = 0
    assert rest_client.error_of(cast.rest.post(path), 422)["code"] == "speech_unavailable"


def test_one_whose_worker_died_is_taken_by_another_and_told_once(cast):
    row = recorded(cast)
    cast.rest.post(f"/api/recordings/{row.pk}/transcribe")
    assert transcripts.claim() is not None
    assert transcripts.beat(row.pk) and transcripts.claim() is None
    old = clock.now() - timedelta(seconds=transcripts.LOST_SECONDS + 1)
    models.Recording.objects.filter(pk=row.pk).update(transcript_beat=old)
    assert transcripts.claim() is not None
    transcripts.fail(row.pk, "unreadable")
    transcripts.finish(row.pk, WORDS)  # of the worker that was taken for dead
    assert cast.rest.get(f"/api/recordings/{row.pk}").json()["transcript"]["reason"] == "unreadable"
    assert [each["type"] for each in told(row.call_id, cast)] == ["transcribe.started", "transcribe.failed"]


def test_it_is_deleted_with_the_recording_even_while_it_is_made(cast):
    row = recorded(cast)
    cast.rest.post(f"/api/recordings/{row.pk}/transcribe")
    assert transcripts.claim() is not None
    assert cast.rest.delete(f"/api/recordings/{row.pk}").status_code == 204
    assert not transcripts.beat(row.pk)
    transcripts.finish(row.pk, WORDS)
    assert not models.Recording.objects.exists() and len(told(row.call_id, cast)) == 1


def test_the_recording_of_a_deleted_call_can_be_transcribed(cast):
    row = recorded(cast)
    models.Call.objects.filter(pk=row.call_id).delete()
    cast.rest.post(f"/api/recordings/{row.pk}/transcribe")
    assert transcripts.claim() is not None
    transcripts.finish(row.pk, WORDS)
    assert cast.rest.get(f"/api/recordings/{row.pk}").json()["transcript"]["segments"] == WORDS
