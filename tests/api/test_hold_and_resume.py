"""`POST /api/calls/{id}/hold` and `/resume`."""

from __future__ import annotations

import pytest

from tests.api import refusals
from tests.support import fake_worker


def held_by(answer, role: str):
    assert answer.status_code == 200, answer.content
    return next(leg["held_by"] for leg in answer.json()["legs"] if leg["role"] == role)


def test_the_holder_sees_local_and_the_other_remote(cast):
    call_id = fake_worker.talking(cast)
    answer = cast.alice.rest.post(f"/api/calls/{call_id}/hold")
    assert (held_by(answer, "caller"), held_by(answer, "callee")) == ("local", "remote")
    again = cast.alice.rest.post(f"/api/calls/{call_id}/hold")
    assert held_by(again, "caller") == "local"
    assert fake_worker.event_types(call_id).count("call.held") == 1
    answer = cast.alice.rest.post(f"/api/calls/{call_id}/resume")
    assert (held_by(answer, "caller"), held_by(answer, "callee")) == (None, None)


def test_when_one_of_two_holders_resumes_it_sees_remote(cast):
    call_id = fake_worker.talking(cast)
    cast.alice.rest.post(f"/api/calls/{call_id}/hold")
    answer = cast.bob.rest.post(f"/api/calls/{call_id}/hold")
    assert (held_by(answer, "caller"), held_by(answer, "callee")) == ("local", "local")
    answer = cast.alice.rest.post(f"/api/calls/{call_id}/resume")
    assert (held_by(answer, "caller"), held_by(answer, "callee")) == ("remote", "local")


@pytest.mark.parametrize("leg", ["caller", "callee"])
def test_an_api_key_names_who_holds(cast, leg):
    call_id = fake_worker.talking(cast)
    answer = cast.rest.post(f"/api/calls/{call_id}/hold", {"leg": leg})
    assert held_by(answer, leg) == "local"
    leg_id = fake_worker.leg_of(call_id, leg).id
    assert held_by(cast.rest.post(f"/api/calls/{call_id}/resume", {"leg": leg_id}), leg) is None


@pytest.mark.parametrize("verb", ["hold", "resume"])
def test_the_wrong_people_and_the_wrong_moment_are_refused(cast, mallory, verb):
    refusals.while_ringing(cast, fake_worker.ringing(cast), verb, {})
    call_id = fake_worker.talking(cast)
    refusals.to_strangers(cast, mallory, call_id, verb, {})
    refusals.wrong_leg(cast, call_id, verb, {})
    refusals.after_the_end(cast, call_id, verb, {})
