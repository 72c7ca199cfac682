"""A turn gives its events their positions where it may: nobody is before it, and nobody is to be told."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from django.db import connection, transaction

from calling import models
from calling.calls import control, event_log, positions
from calling.machine.inputs import Hangup
from calling.runtime import nudge
from calling.webhooks.publish import publish_round
from tests.support import fake_worker, people

pytestmark = pytest.mark.django_db(transaction=True)


def hang_up(call_id: str) -> None:
    control.apply(call_id, Hangup(fake_worker.leg_of(call_id, "caller").id))


def log_of(project_id: UUID | str) -> list[tuple[int | None, str]]:
    rows = models.Event.objects.filter(project_id=project_id).order_by("id")
    return [(row.position, row.type) for row in rows]


def test_a_call_is_published_with_its_turns_and_needs_no_publisher() -> None:
    cast = people.make_cast()
    call_id = fake_worker.talking(cast)
    hang_up(call_id)
    log = log_of(cast.project.id)
    assert [position for position, _ in log] == list(range(1, len(log) + 1))
    assert log[-1][1] == "call.ended"
    assert publish_round().events == 0


def test_readers_of_the_log_are_nudged_and_the_publisher_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    call_id = fake_worker.talking(people.make_cast())
    said: list[str] = []
    monkeypatch.setattr(nudge, "send", lambda channel, message: said.append(channel))
    hang_up(call_id)
    assert nudge.EVENTS in said and nudge.PUBLISH not in said


def test_what_an_endpoint_is_to_be_told_waits_for_the_publisher() -> None:
    cast = people.make_cast()
    call_id = fake_worker.talking(cast)
    models.WebhookEndpoint.objects.create(
        project_id=cast.project.id, url="https://hooks.example.com/", events=["*"]
    )
    before = len(log_of(cast.project.id))
    hang_up(call_id)
    assert [position for position, _ in log_of(cast.project.id)][before:] == [None]
    done = publish_round()
    assert (done.events, done.deliveries) == (1, 1)
    assert log_of(cast.project.id)[-1] == (before + 1, "call.ended")


def test_a_turn_does_not_wait_for_the_publisher_and_its_events_do() -> None:
    cast = people.make_cast()
    call_id = fake_worker.talking(cast)
    before = len(log_of(cast.project.id))
    held, done = threading.Event(), threading.Event()

    def publish() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(positions.TRY, [positions.LOCK])
            held.set()
            done.wait(10)
        connection.close()

    other = threading.Thread(target=publish)
    other.start()
    assert held.wait(10)
    hang_up(call_id)
    busy = publish_round()
    done.set()
    other.join()
    assert busy.busy and not busy.events
    assert [position for position, _ in log_of(cast.project.id)][before:] == [None]
    assert publish_round().events == 1


def test_nothing_passes_an_event_that_waits() -> None:
    cast = people.make_cast()
    first, second = fake_worker.talking(cast), fake_worker.talking(cast, "carol", "gus")
    before = len(log_of(cast.project.id))
    with transaction.atomic():  # a longer transaction leaves its events to the publisher
        hang_up(first)
    hang_up(second)
    assert [position for position, _ in log_of(cast.project.id)][before:] == [None, None]
    assert publish_round().events == 2
    assert event_log.head(cast.project.id) == before + 2
