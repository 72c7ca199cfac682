"""`POST /api/calls/{id}/hold` and `/resume`."""

from __future__ import annotations

from tests import stage


def held_by(answer, role: str):
    return next(leg["held_by"] for leg in answer.json()["legs"] if leg["role"] == role)


def test_the_holder_sees_local_and_the_other_remote(cast):
    call_id = stage.talking(cast)
    answer = cast.alice.rest.post(f"/api/calls/{call_id}/hold")
    assert answer.status_code == 200
    assert held_by(answer, "caller") == "local"
    assert held_by(answer, "callee") == "remote"
    assert stage.event_types(call_id)[-1] == "call.held"
