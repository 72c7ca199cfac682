"""Several inputs of one call that came together are decided in order and written in one transaction."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calling import models
from calling.calls import control
from calling.machine.inputs import AnswerMade, Hangup, Hold, Refused, SessionTaken
from tests.support import fake_worker, people

pytestmark = pytest.mark.django_db(transaction=True)
OPUS = {"audio": True, "video": False, "codec": "opus"}


def dialled() -> str:
    cast = people.make_cast()
    fake_worker.online(cast.bob)
    answer = cast.alice.rest.post("/api/calls", {"to": cast.bob.address, "sdp": fake_worker.SDP})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def test_a_worker_takes_a_call_and_answers_its_caller_in_one_turn() -> None:
    call_id = dialled()
    caller = fake_worker.leg_of(call_id, "caller")
    answer = AnswerMade(caller.id, fake_worker.ANSWER_SDP, caller.serial)
    with CaptureQueriesContext(connection) as asked:
        control.apply(call_id, SessionTaken(), answer, agreed={caller.id: OPUS})
    assert [each["sql"] for each in asked].count("COMMIT") == 1
    call = fake_worker.call_of(call_id)
    assert call.carried and call.state.value == "ringing"
    assert models.Leg.objects.get(pk=caller.id).codec == OPUS
    assert fake_worker.event_types(call_id) == ["call.created", "call.ringing"]
    ringing = models.Event.objects.get(call_id=call_id, type="call.ringing")
    assert '"codec":"opus"' in ringing.body, "the event knows what was agreed with it"


def test_what_was_agreed_is_written_where_nothing_else_changes() -> None:
    call_id = fake_worker.ringing(people.make_cast())
    caller = fake_worker.leg_of(call_id, "caller")
    control.apply(call_id, SessionTaken(), agreed={caller.id: OPUS})
    assert models.Leg.objects.get(pk=caller.id).codec == OPUS


def test_one_that_is_refused_undoes_those_before_it() -> None:
    call_id = dialled()
    ended = Hangup(fake_worker.leg_of(call_id, "caller").id)
    with pytest.raises(Refused):
        control.apply(call_id, ended, Hold(fake_worker.leg_of(call_id, "caller").id))
    assert fake_worker.call_of(call_id).state.value == "created"
    assert fake_worker.event_types(call_id) == ["call.created"]
