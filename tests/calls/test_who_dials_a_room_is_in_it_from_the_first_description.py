"""A picture in layers is agreed by the first answer, which is made before the room takes the call."""

from __future__ import annotations

import pytest

from calling.calls import queries
from calling.machine.plan import PeerPlan, make_plan
from subscribers import provisioning
from tests.support import fake_worker, people
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    made = people.make_cast()
    provisioning.create_room(made.project.id, {"name": "standup"})
    fake_worker.online(made.bob)
    return made


def first_of(cast: Cast, to: str) -> PeerPlan:
    answer = cast.alice.rest.post("/api/calls", {"to": to, "sdp": fake_worker.SDP})
    assert answer.status_code == 201, answer.content
    return make_plan([queries.snapshot(answer.json()["id"])]).peers[0]


@pytest.mark.parametrize("to", ["/public/standup", "/public/standup?channel=video"])
def test_of_a_room(cast: Cast, to: str) -> None:
    assert first_of(cast, to).in_room


def test_not_of_a_person(cast: Cast) -> None:
    assert not first_of(cast, cast.bob.address).in_room
