"""The stage of phone calls: a project with a number and a gateway, and a trunk that is played by hand."""

from __future__ import annotations

from typing import Any

import pytest

from calling.calls import control
from calling.machine import inputs
from subscribers.models import PhoneNumber, SipGateway
from tests.support import fake_worker
from tests.support.people import Cast, make_cast, make_mallory

OWN = "+15550001111"
FAR = "+15551234567"


@pytest.fixture(autouse=True)
def many_dials(settings: Any) -> None:
    settings.CALLWRIGHT_DIALS_PER_SECOND = 100_000


@pytest.fixture
def cast(db: None) -> Cast:
    return with_trunk(make_cast())


@pytest.fixture
def mallory(db: None) -> Cast:
    return with_trunk(make_mallory(), "+15550002222")


def with_trunk(cast: Cast, own: str = OWN) -> Cast:
    PhoneNumber.objects.create(project=cast.project, number=own)
    SipGateway.objects.create(
        project=cast.project, name="trunk", host="203.0.113.9", prefixes=["+"], ip_addresses=["203.0.113.9"]
    )
    return cast


def policy(cast: Cast, **words: Any) -> None:
    cast.project.policy = words
    cast.project.save(update_fields=["policy"])


def dial(cast: Cast, to: str = FAR, **more: Any) -> Any:
    body = {"to": to, "from": OWN, "script": fake_worker.SCRIPT, **more}
    return cast.rest.post("/api/calls", body)


def dialled(cast: Cast, to: str = FAR, **more: Any) -> str:
    answer = dial(cast, to, **more)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def pick_up(call_id: str, role: str = "callee") -> None:
    """The far end of a phone leg answers."""
    leg = fake_worker.leg_of(call_id, role)
    if not fake_worker.call_of(call_id).carried:
        control.apply(call_id, inputs.SessionTaken())
    attempt = leg.attempts[-1]
    control.apply(call_id, inputs.OfferMade(attempt.id, fake_worker.SDP))
    control.apply(call_id, inputs.Answer(leg.id, attempt.device_id, fake_worker.ANSWER_SDP))
    assert fake_worker.leg_of(call_id, role).answered
