"""`/api/recordings`: list, get, download by link or credentials, delete."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from django.core import signing

from calling import models
from calling.api import recordings
from tests.support import rest_client


@pytest.fixture
def recorded(cast, settings, tmp_path):
    """A finished recording of a call, with its file."""
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"RIFF sound")
    return models.Recording.objects.create(
        project=cast.project, call_id=uuid4(), control_id="r", state="finished", format="wav",
        duration_ms=1000, size=10, path="a.wav",
    )  # fmt: skip


def test_a_recording_is_listed_read_and_downloaded(cast, recorded):
    (listed,) = cast.rest.get(f"/api/recordings?call_id={recorded.call_id}").json()["data"]
    assert listed["id"] == str(recorded.id) and listed["state"] == "finished"
    assert cast.rest.get(f"/api/recordings?call_id={uuid4()}").json()["data"] == []
    got = cast.rest.get(f"/api/recordings/{recorded.id}").json()
    for answer in (
        rest_client.client().get(got["url"]),
        cast.rest.get(f"/api/recordings/{recorded.id}/download"),
    ):
        assert answer.status_code == 200 and b"".join(answer.streaming_content) == b"RIFF sound"
        assert answer["Cache-Control"] == "no-store"


def test_nothing_between_keeps_a_link_or_a_token(cast, recorded):
    for path in ("/api/recordings", f"/api/recordings/{recorded.id}", "/api/calls", "/api/nowhere"):
        assert cast.rest.get(path)["Cache-Control"] == "no-store", path
    token = cast.rest.post("/api/fabric/subscribers/tokens", {"reference": "alice"})
    assert token.status_code == 200 and token["Cache-Control"] == "no-store"


def test_a_link_ends_after_five_minutes_and_fits_one_recording(cast, recorded, monkeypatch):
    url = cast.rest.get(f"/api/recordings/{recorded.id}").json()["url"]
    rest_client.error_of(rest_client.client().get(url[:-1]), 403)
    rest_client.error_of(rest_client.client().get(url.replace(str(recorded.id), str(uuid4()))), 403)
    monkeypatch.setattr(recordings, "LINK_SECONDS", -1)
    rest_client.error_of(rest_client.client().get(url), 403)
    assert issubclass(signing.SignatureExpired, signing.BadSignature)


def test_a_recording_that_goes_on_has_no_link_and_cannot_be_deleted(cast, recorded):
    models.Recording.objects.update(state="recording")
    assert cast.rest.get(f"/api/recordings/{recorded.id}").json()["url"] is None
    rest_client.error_of(cast.rest.delete(f"/api/recordings/{recorded.id}"), 409)


def test_delete_takes_the_file_too(cast, recorded, settings):
    assert cast.rest.delete(f"/api/recordings/{recorded.id}").status_code == 204
    assert not (Path(settings.DATA_DIR) / "recordings" / "a.wav").exists()
    rest_client.error_of(cast.rest.get(f"/api/recordings/{recorded.id}"), 404)


def test_a_path_that_leads_outside_is_no_file(cast, recorded, tmp_path):
    (tmp_path / "secret").write_text("x")
    models.Recording.objects.update(path="../secret")
    rest_client.error_of(cast.rest.get(f"/api/recordings/{recorded.id}/download"), 404)
    cast.rest.delete(f"/api/recordings/{recorded.id}")
    assert (tmp_path / "secret").exists()


def test_the_wrong_people_are_refused(cast, mallory, recorded):
    for path in (f"/api/recordings/{recorded.id}", f"/api/recordings/{recorded.id}/download"):
        rest_client.error_of(mallory.rest.get(path), 404)
        rest_client.error_of(cast.alice.rest.get(path), 403)
        rest_client.error_of(rest_client.client().get(path), 401)
    rest_client.error_of(cast.alice.rest.get("/api/recordings"), 403)
    rest_client.error_of(mallory.rest.delete(f"/api/recordings/{recorded.id}"), 404)
    rest_client.error_of(cast.rest.get("/api/recordings/not-an-id"), 404)
    rest_client.error_of(cast.rest.get("/api/recordings?call_id=x"), 422)
