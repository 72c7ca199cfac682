"""A dead endpoint's backlog: heads are marked, disabling and replaying rewrite none of it, order is kept."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bench.growth import Meter
from calling import models
from calling.calls import event_log
from calling.webhooks import delivery_queue, delivery_results, disabling, redelivery
from calling.webhooks.fanout import fan_out
from calling.webhooks.publish import publish_round
from calling.webhooks.signing import new_secret
from subscribers.encryption import seal
from subscribers.models import Project
from tokens.issue import create_project


def endpoint(project: Project) -> models.WebhookEndpoint:
    return models.WebhookEndpoint.objects.create(
        project=project, url="http://127.0.0.1:9/", events=["*"], secret=seal(new_secret())
    )


def publish(project: Project, stream: str, count: int, first: int = 1) -> None:
    for sequence in range(first, first + count):
        event_log.append(project.id, stream, "call.dtmf", {}, timezone.now(), sequence=sequence)
    while publish_round().events:
        pass


def pending(row: models.WebhookEndpoint) -> list[models.Delivery]:
    return list(models.Delivery.objects.filter(endpoint=row, state="pending").order_by("event_id", "id"))


def streams_without_a_head() -> int:
    waiting = models.Delivery.objects.filter(state="pending")
    return len({(each.endpoint_id, each.stream) for each in waiting}) - len(
        {(each.endpoint_id, each.stream) for each in waiting.filter(head=True)}
    )


def deliver(found: list[delivery_queue.ClaimedDelivery], status: int = 200) -> None:
    now = timezone.now()
    delivery_results.settle([delivery_results.DeliveryResult(each, now, status, 1) for each in found])


@pytest.mark.django_db
def test_only_the_oldest_of_a_stream_is_its_head_and_the_next_follows() -> None:
    project = create_project("acme")
    row = endpoint(project)
    publish(project, "a", 3)
    publish(project, "b", 2)
    assert [each.head for each in pending(row)] == [True, False, False, True, False]
    deliver(delivery_queue.claim(10, {}))
    assert [(each.stream, each.head) for each in pending(row)] == [("a", True), ("a", False), ("b", True)]
    models.Delivery.objects.filter(stream="a", head=True).delete()
    assert [(each.stream, each.head) for each in pending(row)] == [("a", True), ("b", True)]


@pytest.mark.django_db
def test_what_is_older_and_comes_later_goes_first() -> None:
    project = create_project("acme")
    row = endpoint(project)
    publish(project, "a", 2)
    first, second = pending(row)
    deliver(delivery_queue.claim(10, {}))  # the first
    redelivery.resend(models.Delivery.objects.get(pk=first.pk))
    (claimed,) = delivery_queue.claim(10, {})
    assert claimed.message_id == str(first.event.event_id)
    deliver([claimed])
    (claimed,) = delivery_queue.claim(10, {})
    assert claimed.id == second.id


@pytest.mark.django_db
def test_a_replay_makes_all_that_failed_due_without_rewriting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "SHOWN", 0)
    project = create_project("acme")
    row = endpoint(project)
    publish(project, "a", 1)
    deliver(delivery_queue.claim(10, {}), 500)
    assert delivery_queue.claim(10, {}) == []
    before = pending(row)[0].next_at
    redelivery.replay(row, since=timezone.now() + timedelta(hours=1))
    assert pending(row)[0].next_at == before
    claimed = delivery_queue.claim(10, {})
    assert len(claimed) == 1
    deliver(claimed, 500)  # it has had its try: the usual wait again
    assert delivery_queue.claim(10, {}) == []


@pytest.mark.django_db
def test_disabling_parks_a_batch_at_once_and_sends_none_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disabling, "PARKED", 2)
    project = create_project("acme")
    row = endpoint(project)
    for stream in "abcde":
        publish(project, stream, 1)
    redelivery.disable_by_owner(row)
    assert len(pending(row)) == 3
    redelivery.enable(row)  # what waited before then is parked all the same
    assert delivery_queue.claim(10, {}) == []
    publish(project, "f", 1)
    assert [each.event for each in delivery_queue.claim(10, {})] == ["call.dtmf"]
    while disabling.park_waiting():
        pass
    row.refresh_from_db()
    assert row.park_before is None
    assert [each.stream for each in pending(row)] == ["f"]


@pytest.mark.django_db
def test_endpoints_beyond_one_walk_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_queue, "WALK", 2)
    project = create_project("acme")
    rows = [endpoint(project) for _ in range(5)]
    publish(project, "a", 1)
    seen: set[UUID] = set()
    after = None
    for _ in range(3):
        found, after = delivery_queue.claim_behind(after, 10, {})
        seen |= {each.endpoint_id for each in found}
    assert seen == {row.id for row in rows}
    assert after is None


@pytest.mark.django_db(transaction=True)
def test_a_stream_settled_while_it_grows_never_loses_its_head(seed: int) -> None:
    project = create_project("acme")
    row = endpoint(project)
    done = threading.Event()

    def settle_all() -> None:
        try:
            while True:
                over = done.is_set()
                found = delivery_queue.claim(50, {})
                deliver(found)
                if over and not found and not pending(row):
                    return
                if over and not found and streams_without_a_head():
                    return
        finally:
            connection.close()

    settling = [threading.Thread(target=settle_all) for _ in range(2)]
    for thread in settling:
        thread.start()
    for sequence in range(1, 41):
        with transaction.atomic():
            made = [
                event_log.append(project.id, stream, "call.dtmf", {}, timezone.now(), sequence=sequence)
                for stream in ("a", "b")
            ]
        with transaction.atomic():
            fan_out([each.id for each in made])
    done.set()
    for thread in settling:
        thread.join(60)
    assert streams_without_a_head() == 0
    assert pending(row) == []


@pytest.mark.django_db
def test_a_burst_after_an_hour_without_costs_no_square(figure) -> None:
    """The planner knows of nothing pending, and takes the index of what pends for one row."""
    project = create_project("acme")
    endpoint(project)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE calling_delivery")
    blocks = []
    for number, count in enumerate((300, figure(1500, 6000))):
        meter = Meter()
        for stream in range(count):
            event_log.append(project.id, f"{number}-{stream}", "call.dtmf", {}, timezone.now(), sequence=1)
        with connection.execute_wrapper(meter):
            while publish_round().events:
                pass
        written = meter.blocks / count
        meter.blocks = 0
        with connection.execute_wrapper(meter):
            delivery_queue.claim(256, {})
        blocks.append((written, meter.blocks))
    (few, few_claimed), (many, many_claimed) = blocks
    assert many < 2 * few
    assert many_claimed < 3 * few_claimed
