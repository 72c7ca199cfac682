"""`client.logs.voice`, `client.recordings`: the project's calls, their events and their recordings."""

from __future__ import annotations

from typing import Any

import pytest

from calling.models import Recording
from tests.signalwire.rest_api.conftest import fields_of, refusal
from tests.support import fake_worker
from tests.support.people import Cast


@pytest.fixture
def ended(cast: Cast) -> str:
    call_id = fake_worker.talking(cast)
    assert cast.alice.rest.post(f"/api/calls/{call_id}/hangup", {}).status_code == 200
    return call_id


def test_an_ended_call_is_in_the_log_with_how_it_ended(client: Any, ended: str) -> None:
    (logged,) = client.logs.voice.list()["data"]
    assert set(logged) == fields_of("RelayVoiceLog", "voice") | {"from"}
    assert (logged["id"], logged["status"], logged["to"]) == (ended, "completed", "/private/bob")
    assert client.logs.voice.get(ended) == logged
    assert client.logs.voice.list(created_after="2100-01-01T00:00:00Z")["data"] == []
    assert client.logs.voice.list(created_before="2100-01-01T00:00:00Z")["data"] == [logged]
    assert client.logs.voice.list(created_on=logged["created_at"][:10])["data"] == [logged]
    assert refusal(422, client.logs.voice.list, created_on="soon")["attribute"] == "created_on"


@pytest.mark.parametrize(
    ("act", "status"), [("reject", "busy"), ("hangup", "canceled"), ("answer", "in-progress")]
)
def test_the_status_says_what_became_of_the_call(client: Any, cast: Cast, act: str, status: str) -> None:
    call_id = fake_worker.ringing(cast)
    person = cast.alice if act == "hangup" else cast.bob
    body = {"sdp": fake_worker.SDP} if act == "answer" else {}
    assert person.rest.post(f"/api/calls/{call_id}/{act}", body).status_code == 200
    assert client.logs.voice.get(call_id)["status"] == status


def test_the_events_of_a_call_come_in_pages(client: Any, ended: str) -> None:
    first = client.logs.voice.list_events(ended, page_size=2)
    assert set(first["data"][0]) == fields_of("LogEvent", "voice")
    assert len(first["data"]) == 2 and first["links"]["next"]
    names, token = [], None
    while True:
        page = client.logs.voice.list_events(ended, page_size=2, **({"page_token": token} if token else {}))
        names += [event["name"] for event in page["data"]]
        if not page["links"]["next"]:
            break
        token = page["links"]["next"].rsplit("page_token=", 1)[1]
    assert names == fake_worker.event_types(ended)
    assert (
        refusal(422, client.logs.voice.list_events, ended, page_token="x")["code"] == "page_token_is_invalid"
    )


@pytest.mark.parametrize("kind", ["webrtc", "pstn", "sip"])
def test_a_recording_says_what_kind_of_leg_it_is_of(client: Any, cast: Cast, ended: str, kind: str) -> None:
    from calling.models import Call

    if kind != "webrtc":
        Call.objects.filter(pk=ended).update(kind=kind)
    row = Recording.objects.create(
        project=cast.project, call_id=ended, control_id="c", state="finished", format="wav", channels=2,
        duration_ms=2500, size=8000, path="none.wav",
    )  # fmt: skip
    (found,) = client.recordings.list()["data"]
    types = {"webrtc": "WebRtcRecording", "pstn": "PstnRecording", "sip": "SipRecording"}
    assert set(found) == fields_of(types[kind], "relay_rest")
    assert (found["status"], found["stereo"], found["duration_in_seconds"]) == ("completed", True, 2)
    assert found["url"].startswith("http") and "signature=" in found["url"]
    assert client.recordings.get(str(row.pk))["id"] == found["id"]
    assert client.recordings.delete(str(row.pk)) == {}
    assert refusal(404, client.recordings.get, str(row.pk))["code"] == "not_found"


def test_another_project_sees_none_of_it(client: Any, stranger: Any, ended: str) -> None:
    assert stranger.logs.voice.list()["data"] == [] and stranger.recordings.list()["data"] == []
    refusal(404, stranger.logs.voice.get, ended)
    refusal(404, stranger.logs.voice.list_events, ended)
