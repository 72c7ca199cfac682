"""`POST /api/calls/{id}/mute` and `/unmute`."""

from __future__ import annotations

import pytest

from tests.api import refusals
from tests.support import fake_worker, rest_client


def muted(answer, role: str):
    assert answer.status_code == 200, answer.content
    return next(leg["muted"] for leg in answer.json()["legs"] if leg["role"] == role)


def test_channels_are_muted_and_unmuted_one_by_one(cast):
    call_id = fake_worker.talking(cast)
    path = f"/api/calls/{call_id}"
    assert muted(cast.alice.rest.post(f"{path}/mute"), "caller") == ["audio"]
    assert muted(cast.alice.rest.post(f"{path}/mute", {"channels": ["video"]}), "caller") == [
        "audio",
        "video",
    ]
    assert muted(cast.alice.rest.post(f"{path}/unmute", {"channels": ["audio"]}), "caller") == ["video"]
    assert muted(cast.rest.post(f"{path}/mute", {"leg": "callee"}), "callee") == ["audio"]


@pytest.mark.parametrize("verb", ["mute", "unmute"])
def test_the_wrong_people_fields_and_moments_are_refused(cast, mallory, verb):
    refusals.while_ringing(cast, fake_worker.ringing(cast), verb, {})
    call_id = fake_worker.talking(cast)
    refusals.to_strangers(cast, mallory, call_id, verb, {})
    refusals.wrong_leg(cast, call_id, verb, {})
    for channels in ([], ["smell"], "audio", [1], ["audio"] * 9):
        answer = cast.alice.rest.post(f"/api/calls/{call_id}/{verb}", {"channels": channels})
        assert rest_client.error_of(answer, 422)["attribute"] == "channels"
    refusals.after_the_end(cast, call_id, verb, {})
