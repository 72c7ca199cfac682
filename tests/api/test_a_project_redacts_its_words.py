"""A project's own `redact` holds for its transcripts, captions and prompts, unless an operation says more."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.commands import redactions
from tests.support import fake_worker

RELAY = {"leg": "caller", "url": "wss://agent.example.com/talk"}


pytestmark = pytest.mark.usefixtures("speech_worker")


def asked(cast, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    call_id = fake_worker.talking(cast)
    made = cast.rest.post(f"/api/calls/{call_id}/{verb}", body)
    assert made.status_code == 200, made.content
    return dict(models.Operation.objects.get(pk=made.json()["id"]).params)


@pytest.mark.parametrize(("verb", "body"), [("transcribe", {"captions": True}), ("relay", RELAY)])
@pytest.mark.parametrize(
    ("own", "of_operation", "taken_out"),
    [
        (["digits"], None, ["digits"]),
        (["digits"], [], []),
        (["digits"], ["card_numbers"], ["card_numbers"]),
        ([], None, None),
        ([], ["digits"], ["digits"]),
    ],
)
def test_what_an_operation_says_comes_before_what_the_project_says(
    cast, verb: str, body: dict[str, Any], own: list[str], of_operation: Any, taken_out: Any
):
    redactions.set_for(cast.project.pk, own)
    given = body if of_operation is None else {**body, "redact": of_operation}
    assert asked(cast, verb, given).get("redact") == taken_out


def test_a_recording_is_transcribed_without_them_too(cast):
    redactions.set_for(cast.project.pk, ["card_numbers"])
    row = models.Recording.objects.create(
        project=cast.project, call_id=cast.project.pk, control_id="r", format="wav", path="r.wav",
        state="finished",
    )  # fmt: skip
    assert cast.rest.post(f"/api/recordings/{row.pk}/transcribe", {}).status_code == 200
    row.refresh_from_db()
    assert row.transcript["params"]["redact"] == ["card_numbers"]


def test_what_a_caller_is_asked_for_is_kept_as_digits_are(cast):
    redactions.set_for(cast.project.pk, ["digits"])
    params = asked(cast, "collect", {"leg": "caller", "speech": {}})
    assert "redact" not in params and "redact" not in params["speech"]


def test_another_project_is_not_touched(cast, mallory):
    redactions.set_for(cast.project.pk, ["digits"])
    assert redactions.of_project(mallory.project.pk) == []


def test_what_nobody_knows_is_not_kept(cast):
    assert redactions.set_for(cast.project.pk, ["names", "digits"]) == ["digits"]
