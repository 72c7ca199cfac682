"""One statement tells the sweep what waits: whatever a job would find opens its gate, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

import clock
from calling import models, sweep, waiting
from calling.management.commands.sweep import JOB_SECONDS, LEAST_SECONDS, ROUND_SECONDS, pause_before
from calling.models.alert import Alert
from calling.models.push import PushRing, PushSubscription
from calling.retention import erasure
from calling.webhooks.publish import publish_round
from subscribers.models import Project, Room
from tests.support import fake_worker, people
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people.make_cast()


def ago(seconds: float):
    return clock.now() - timedelta(seconds=seconds)


def a_session(cast: Cast, **values: object) -> models.MediaSession:
    wanted = {"project": cast.project, "wanted_at": ago(60), "state": "wanted", "dispatched_at": None}
    return models.MediaSession.objects.create(**{**wanted, **values})


def a_call(cast: Cast, **values: object) -> models.Call:
    call = models.Call.objects.get(pk=fake_worker.ringing(cast))
    publish_round()
    models.MediaSession.objects.update(wanted_at=clock.now(), dispatched_at=None)
    models.Call.objects.filter(pk=call.pk).update(**values)
    return call


def a_charge(cast: Cast, **values: object) -> None:
    call = a_call(cast)
    leg = call.legs.first()
    assert leg is not None
    fields = {"project": cast.project, "leg_id": leg.pk, "number": "+15550100", "created_at": ago(60)}
    models.PhoneCharge.objects.create(**{**fields, **values})


def a_ring(cast: Cast) -> None:
    a_call(cast)
    browser = {"endpoint": "https://push.example/1", "p256dh": "k", "auth": "a"}
    PushSubscription.objects.create(project=cast.project, subscriber=cast.bob.subscriber, **browser)


def a_meeting(cast: Cast) -> None:
    room = Room.objects.create(project=cast.project, name="daily")
    models.Meeting.objects.create(project=cast.project, room=room, started_at=ago(9), empty_since=ago(5))


def an_endpoint(cast: Cast, **values: object) -> models.WebhookEndpoint:
    return models.WebhookEndpoint.objects.create(project=cast.project, url="https://a.example/", **values)


def a_delivery(cast: Cast) -> None:
    a_call(cast)
    event = models.Event.objects.first()
    assert event is not None
    models.Delivery.objects.create(
        endpoint=an_endpoint(cast), event=event, stream="s", next_at=ago(1), created_at=ago(1)
    )


CASES: dict[str, tuple[str, Callable[[Cast], object]]] = {
    "a deadline that has passed": ("deadlines", lambda cast: a_call(cast, deadline=ago(1))),
    "a session that no web process asked for": ("sessions", lambda cast: a_session(cast)),
    "a session that nobody took": ("sessions", lambda cast: a_session(cast, dispatched_at=ago(2))),
    "a session whose lease ran out": (
        "sessions",
        lambda cast: a_session(cast, state="running", lease_until=ago(1)),
    ),
    "a session left half moved": ("sessions", lambda cast: a_session(cast, state="moving")),
    "a live call of a session that ended": (
        "sessions",
        lambda cast: a_call(cast, session=a_session(cast, state="ended")),
    ),
    "a call whose covered time runs out": (
        "charges",
        lambda cast: a_charge(cast, per_minute=100, paid_until=clock.now() + timedelta(seconds=4)),
    ),
    "a phone leg of a suspended project": (
        "charges",
        lambda cast: (a_charge(cast), Project.objects.update(suspended_at=clock.now())),
    ),
    "a device whose edge died": (
        "devices",
        lambda cast: (fake_worker.online(cast.bob), models.Device.objects.update(online_until=ago(1))),
    ),
    "a room that everybody left": ("meetings", a_meeting),
    "a recording": (
        "recordings",
        lambda cast: models.Recording.objects.create(
            project=cast.project, call_id=uuid4(), control_id="r", state="recording"
        ),
    ),
    "a subscriber to be erased": (
        "erasures",
        lambda cast: models.StaffAction.objects.create(
            project=cast.project, name="olga", action=erasure.ASKED, subject=str(uuid4()), detail={}
        ),
    ),
    "an endpoint with a backlog to park": ("parking", lambda cast: an_endpoint(cast, park_before=ago(1))),
    "an event without its position": ("events", lambda cast: fake_worker.ringing(cast)),
    "an alert that nobody was told of": (
        "alerts",
        lambda cast: Alert.objects.create(
            project=cast.project, kind="webhook_failing", telling=True, next_at=ago(1)
        ),
    ),
    "a delivery": ("deliveries", a_delivery),
    "a subscriber's browser while it rings": ("rings", a_ring),
    "a browser that was told of a ringing": (
        "rings",
        lambda cast: PushRing.objects.create(
            leg_id=uuid4(), project=cast.project, call_id=uuid4(), subscriber_id=uuid4()
        ),
    ),
}


def test_every_gate_has_a_case_and_every_job_a_gate():
    names = waiting.CONDITIONS | waiting.SEARCHED
    assert {name for name, _ in CASES.values()} == set(names)
    assert {name for name, _, _ in sweep.JOBS} <= set(names)


def test_nothing_waits_on_a_platform_without_calls(cast):
    found = waiting.look(search=True)
    assert (found.names, found.deadline) == (frozenset(), None)


@pytest.mark.parametrize("case", CASES)
def test_what_waits_is_told(cast, case):
    name, make = CASES[case]
    assert name not in waiting.look(search=True).names
    make(cast)
    assert name in waiting.look(search=True).names


def test_a_quiet_call_opens_no_gate_and_tells_its_deadline(cast):
    a_call(cast, deadline=clock.now() + timedelta(seconds=600))
    models.PushSubscription.objects.all().delete()
    assert 0 < (waiting.look().deadline or 0) <= waiting.UNSENT_SECONDS, (
        "nobody was asked to take its session"
    )
    models.MediaSession.objects.update(dispatched_at=clock.now())
    found = waiting.look(search=True)
    assert found.names == frozenset()
    assert found.deadline is not None and 590 < found.deadline <= 600


@pytest.mark.parametrize(
    ("deadline", "wait"),
    [(None, ROUND_SECONDS), (600, ROUND_SECONDS), (0.1, 0.1), (0.001, LEAST_SECONDS), (-5, JOB_SECONDS)],
)
def test_the_next_look_comes_when_the_next_deadline_passes_or_a_round_later(deadline, wait):
    assert pause_before(deadline) == wait
