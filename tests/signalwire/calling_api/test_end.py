"""`calling.end`: SignalWire's reasons become ours."""

from __future__ import annotations

import pytest

from tests.signalwire.calling_api.conftest import refusal, to_strangers
from tests.support import fake_worker

REASONS = [
    ({}, "cancelled"), ({"reason": "hangup"}, "cancelled"), ({"reason": "cancel"}, "cancelled"),
    ({"reason": "busy"}, "busy"),
    ({"reason": "noAnswer"}, "no-answer"), ({"reason": "no_answer"}, "no-answer"),
    ({"reason": "decline"}, "rejected"), ({"reason": "declined"}, "rejected"),
    ({"reason": "error"}, "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "reason"), REASONS)
def test_a_ringing_call_ends_for_the_reason_given(calling, cast, words, reason):
    call_id = fake_worker.ringing(cast)
    assert calling.end(call_id, **words)["status"] == "ended"
    assert (
        fake_worker.call_of(call_id).end_reason == reason and fake_worker.call_of(call_id).ended_by == "api"
    )


def test_an_answered_call_is_hung_up_and_ending_again_changes_nothing(calling, answered):
    ended = calling.end(answered, reason="hangup")
    assert ended["status"] == "ended" and ended["duration_ms"] >= 0
    assert fake_worker.call_of(answered).end_reason == "hangup"
    assert calling.end(answered)["duration_ms"] == ended["duration_ms"]
    assert fake_worker.event_types(answered).count("call.ended") == 1


def test_wrong_reasons_and_people_are_refused(calling, stranger, post, answered):
    for reason in ("bored", 7, ["hangup"]):
        assert refusal(422, calling.end, answered, reason=reason)["attribute"] == "reason"
    to_strangers(stranger, post, "end", answered)
    assert post({"command": "calling.end"}).json()["errors"][0]["attribute"] == "id"
