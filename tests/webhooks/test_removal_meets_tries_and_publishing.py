"""An endpoint, or a call with deliveries, is removed while deliveries are queued, tried and settled."""

from __future__ import annotations

import asyncio

import pytest

from calling import models
from calling.webhooks import delivery_queue, delivery_results, redelivery
from calling.webhooks.deliverer import Deliverer
from calling.webhooks.publish import publish_round
from tests.support import fake_worker
from tests.support.meanwhile import open_for_a_while
from tests.webhooks.conftest import emit_event, make_hook

pytestmark = pytest.mark.django_db(transaction=True)


def tried() -> list[delivery_results.DeliveryResult]:
    """What came of a try of everything that is due; not written down yet."""
    publish_round()
    claimed, deliverer = delivery_queue.claim(100, {}), Deliverer()
    for each in claimed:
        asyncio.run(deliverer.attempt(each))
    assert claimed
    return [deliverer.done.get_nowait() for _ in claimed]


@pytest.mark.parametrize("answer", [204, 500])
def test_an_endpoint_goes_while_its_tries_are_settled(cast, hook, receiver, answer) -> None:
    receiver.behave = lambda number, headers, body: answer
    emit_event(cast)
    results = tried()
    with open_for_a_while(lambda: delivery_results.settle(results)):
        assert cast.rest.delete(f"/api/webhooks/{hook['id']}").status_code == 204
    assert not models.DeliveryAttempt.objects.exists() and not models.Delivery.objects.exists()


def test_an_endpoint_goes_while_an_event_is_published_to_it(cast, hook, receiver) -> None:
    other = make_hook(cast, receiver.url)
    emit_event(cast)
    with open_for_a_while(publish_round):
        assert cast.rest.delete(f"/api/webhooks/{hook['id']}").status_code == 204
    (left,) = models.Delivery.objects.all()
    assert str(left.endpoint_id) == other["id"]


def test_an_event_is_published_while_an_endpoint_goes(cast, hook, receiver) -> None:
    other = make_hook(cast, receiver.url)
    emit_event(cast)
    with open_for_a_while(lambda: models.WebhookEndpoint.objects.get(pk=hook["id"]).delete()):
        publish_round()
    (left,) = models.Delivery.objects.all()
    assert str(left.endpoint_id) == other["id"]


@pytest.mark.parametrize("asked", ["test", "replay", "resend"])
def test_a_delivery_is_asked_for_while_an_endpoint_goes(cast, hook, receiver, asked) -> None:
    emit_event(cast)
    delivery_results.settle(tried())
    row = models.WebhookEndpoint.objects.get(pk=hook["id"])
    old = models.Delivery.objects.get(endpoint=row)
    path, body = f"/api/webhooks/{hook['id']}/{asked}", {"after": "0"} if asked == "replay" else {}
    if asked == "resend":
        path = f"/api/webhooks/{hook['id']}/deliveries/{old.id}/resend"
    with open_for_a_while(row.delete):
        assert cast.rest.post(path, body).status_code == 404


def test_an_endpoint_goes_while_a_replay_is_queued(cast, hook, receiver) -> None:
    emit_event(cast)
    publish_round()
    row = models.WebhookEndpoint.objects.get(pk=hook["id"])
    with open_for_a_while(lambda: redelivery.replay(row, after=0)):
        assert cast.rest.delete(f"/api/webhooks/{hook['id']}").status_code == 204
    assert not models.Delivery.objects.exists()


def test_a_call_goes_while_what_was_told_of_it_is_settled(cast, hook, receiver) -> None:
    call_id = fake_worker.talking(cast)
    assert cast.rest.post(f"/api/calls/{call_id}/hangup").status_code == 200
    results = tried()
    with open_for_a_while(lambda: delivery_results.settle(results)):
        assert cast.rest.delete(f"/api/calls/{call_id}").status_code == 204
    assert not models.Delivery.objects.exists()


def test_a_backlog_goes_with_its_endpoint(cast, hook, monkeypatch) -> None:
    monkeypatch.setattr("calling.webhooks.removal.AT_ONCE", 2)
    for _ in range(5):
        emit_event(cast)
    publish_round()
    assert cast.rest.delete(f"/api/webhooks/{hook['id']}").status_code == 204
    assert not models.Delivery.objects.exists() and not models.WebhookEndpoint.objects.exists()
