"""Two calls that become one are carried by a worker to which the party that must move can be moved."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from calling import models, presence
from calling.commands import transfers
from calling.machine.inputs import Refused
from calling.media_sessions import placement
from tests.support import fake_worker
from tests.support.people import Cast, Person, make_cast


@pytest.fixture
def cast(db) -> Cast:
    return make_cast()


def worker(name: str) -> models.MediaWorker:
    return models.MediaWorker.objects.create(
        name=name, host="test", pid=1, media_address="127.0.0.1", lock_key=1, heartbeat_at=timezone.now()
    )


def called_by(cast: Cast, who: Person, kind: str | None, carrier: models.MediaWorker) -> str:
    """A call of that person to bob, with a device of that kind (None: over REST), on that worker."""
    call_id = fake_worker.talking(cast, "bob", who.name)
    if kind is not None:
        device = fake_worker.online(who)
        models.Device.objects.filter(pk=device).update(kind=kind)
        models.Leg.objects.filter(call_id=call_id, role="caller").update(device_id=device)
    models.MediaSession.objects.filter(calls=call_id).update(state="running", worker=carrier)
    return call_id


def joined(cast: Cast, first: str | None, second: str | None, apart: bool = True) -> list[str]:
    """bob gives alice (`first`) to carol (`second`); the names of the workers of alice's call and of hers."""
    one = worker("one")
    calls = [
        called_by(cast, cast.alice, first, one),
        called_by(cast, cast.carol, second, worker("two") if apart else one),
    ]
    legs = [fake_worker.leg_of(each, "callee").id for each in calls]
    transfers.join_calls(calls[0], legs[0], calls[1], legs[1])
    assert len(fake_worker.call_of(calls[0]).live_legs) == 2
    found = models.Call.objects.filter(pk__in=calls).order_by("created_at")
    return [each.session.worker.name for each in found if each.session and each.session.worker]


@pytest.mark.parametrize(
    ("first", "second", "carries"),
    [
        ("phone", "phone", "one"),
        ("fabric", "phone", "one"),
        (None, "phone", "one"),
        ("phone", "fabric", "two"),
        ("phone", None, "two"),
    ],
)
def test_who_cannot_be_asked_for_an_offer_stays_where_it_is(
    cast: Cast, first: str | None, second: str | None, carries: str
) -> None:
    assert joined(cast, first, second) == [carries, "two"]


@pytest.mark.parametrize(("first", "second"), [("fabric", "fabric"), (None, "fabric"), ("fabric", None)])
def test_where_nobody_can_move_the_calls_go_on_as_they_were(
    cast: Cast, first: str | None, second: str | None
) -> None:
    with pytest.raises(Refused):
        joined(cast, first, second)
    calls = [fake_worker.call_of(each.id) for each in models.Call.objects.all()]
    assert [call.state.value for call in calls] == ["answered", "answered"]
    assert all(len(call.live_legs) == 2 for call in calls)


def test_on_one_worker_everybody_can_be_joined(cast: Cast) -> None:
    assert joined(cast, "fabric", "fabric", apart=False) == ["one", "one"]


def sip_phone(who: Person) -> str:
    assert who.subscriber is not None
    contact: dict[str, object] = {"uri": "sip:bob@127.0.0.1"}
    made = presence.device_online(who.project.id, who.subscriber.id, uuid4(), kind="sip", contact=contact)
    return str(made.id)


@pytest.mark.parametrize(("calls", "beside"), [(1, True), (4, True), (5, False)])
def test_a_phone_that_talks_is_called_on_the_same_worker_unless_it_is_an_exchange(
    cast: Cast, calls: int, beside: bool
) -> None:
    phone = sip_phone(cast.bob)
    carrier = worker("one")
    talks = [fake_worker.talking(cast, "bob", "alice") for _ in range(calls)]
    models.Leg.objects.filter(call_id__in=talks, role="callee").update(device_id=phone)
    models.MediaSession.objects.update(state="running", worker=carrier)
    soon = timezone.now() + timedelta(minutes=5)  # whatever the test took until now
    models.MediaWorker.objects.update(heartbeat_at=soon)
    models.Device.objects.update(online_until=soon)
    answer = cast.carol.rest.post("/api/calls", {"to": "/private/bob", "sdp": fake_worker.SDP})
    session = models.Call.objects.get(pk=answer.json()["id"]).session
    assert (session == models.Call.objects.get(pk=talks[0]).session) is beside
    assert placement.session_beside(cast.project.id, {phone}) is None or beside
