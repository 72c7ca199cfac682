"""`+46000000000` hangs up also where nobody hears it: else the worker that plays it tells its end."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from calling.calls import control
from calling.machine import inputs
from calling.machine.ringing import ANNOUNCED_SECONDS
from calling.machine.states import Call
from tests.support import fake_worker, people

pytestmark = pytest.mark.django_db

NUMBER = "+46000000000"


def dialled(to: str, connect: str) -> str:
    """A call of an API key between two of the platform's own test destinations, carried."""
    answer = people.make_cast().rest.post("/api/calls", {"to": to, "connect": connect})
    assert answer.status_code == 201, answer.content
    call_id = str(answer.json()["id"])
    fake_worker.carry(call_id)
    return call_id


def after(call_id: str, seconds: float) -> Call:
    with mock.patch("clock.now", return_value=timezone.now() + timedelta(seconds=seconds)):
        control.apply(call_id, inputs.DeadlinePassed())
    return fake_worker.call_of(call_id)


@pytest.mark.parametrize(
    ("to", "connect"), [(NUMBER, "/public/echo"), ("/public/echo", NUMBER), (NUMBER, NUMBER)]
)
def test_connected_to_another_test_destination_it_ends(to: str, connect: str) -> None:
    call_id = dialled(to, connect)
    assert after(call_id, ANNOUNCED_SECONDS - 15).state.value == "answered"
    call = after(call_id, ANNOUNCED_SECONDS + 1)
    assert (call.state.value, call.end_reason, call.ended_by) == ("ended", "hangup", "platform")


@pytest.mark.parametrize("connect", ["/public/tone", "/public/echo"])
def test_the_others_go_on(connect: str) -> None:
    call_id = dialled("/public/echo", connect)
    assert after(call_id, 3).live and after(call_id, ANNOUNCED_SECONDS + 1).live
