"""In order per call and endpoint, in parallel otherwise (docs/contract.md#webhooks)."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from calling import models
from calling.webhooks import delivery_queue, delivery_results
from calling.webhooks.delivery_results import DeliveryResult
from calling.webhooks.publish import publish_round
from calling.webhooks.schedule import WAITS
from tests.webhooks.conftest import advance_clock, deliver_due, deliveries, emit_event, make_hook, turn_all


def rooms(receiver) -> list[tuple[str, int]]:
    return [(each.json["data"]["room"], each.json["data"]["sequence"]) for each in receiver.acked()]


def test_later_events_wait_behind_a_failing_one_and_others_do_not(cast, receivers) -> None:
    broken = [True]
    receiver = receivers(lambda n, h, body: 500 if broken[0] and b'"room":"a"' in body else 200)
    make_hook(cast, receiver.url)
    for _ in range(3):
        emit_event(cast, room="a")
        emit_event(cast, room="b")
    turn_all()
    assert rooms(receiver) == [("b", 1), ("b", 2), ("b", 3)]
    broken[0] = False
    advance_clock(6)
    turn_all()
    assert rooms(receiver)[3:] == [("a", 1), ("a", 2), ("a", 3)]


def test_the_later_ones_go_on_once_it_is_parked(cast, receivers) -> None:
    receiver = receivers(lambda n, h, body: 500 if b'"sequence":1' in body else 200)
    hook = make_hook(cast, receiver.url)
    for _ in range(3):
        emit_event(cast, room="a")
    turn_all()
    models.Delivery.objects.filter(tries=1).update(tries=10, next_at=timezone.now())
    models.DeliveryAttempt.objects.update(at=timezone.now() - timedelta(seconds=sum(WAITS)))
    turn_all()
    assert rooms(receiver) == [("a", 2), ("a", 3)]
    assert [each["status"] for each in deliveries(cast, hook)] == ["delivered", "delivered", "parked"]
    assert cast.rest.post(f"/api/webhooks/{hook['id']}/replay", {"after": "0"}).json() == {"replayed": 3}


def test_one_stream_never_has_two_tries_at_once(cast, hook) -> None:
    for _ in range(5):
        emit_event(cast, room="a")
    publish_round()
    assert len(delivery_queue.claim(100, {})) == 1
    assert delivery_queue.claim(100, {}) == []


def test_what_a_dead_deliverer_held_is_tried_again_when_its_claim_lapses(cast, hook, receiver) -> None:
    emit_event(cast)
    publish_round()
    (held,) = delivery_queue.claim(100, {})
    assert deliver_due() == 0
    advance_clock(16)
    assert deliver_due() == 1
    assert receiver.ids == [held.message_id]


def test_a_late_failure_does_not_undo_what_another_delivered(cast, hook, receiver) -> None:
    emit_event(cast)
    publish_round()
    (held,) = delivery_queue.claim(100, {})
    advance_clock(16)
    turn_all()
    delivery_results.settle([DeliveryResult(held, timezone.now(), None, 9000, "timeout: no answer in time")])
    (one,) = deliveries(cast, hook)
    assert one["status"] == "delivered" and one["tries"] == 1


def test_what_is_given_back_can_be_claimed_at_once(cast, hook) -> None:
    emit_event(cast)
    publish_round()
    held = delivery_queue.claim(100, {})
    delivery_queue.give_back(held)
    assert [each.id for each in delivery_queue.claim(100, {})] == [each.id for each in held]


def test_one_endpoint_has_no_more_than_its_share_and_a_dead_one_less(cast, receiver) -> None:
    good, bad = make_hook(cast, receiver.url), make_hook(cast, receiver.url)
    for number in range(40):
        emit_event(cast, room=str(number))
    publish_round()
    hour = timezone.now() - timedelta(hours=1)
    models.WebhookEndpoint.objects.filter(pk=bad["id"]).update(failing_since=hour)
    taken = [str(each.endpoint_id) for each in delivery_queue.claim(100, {})]
    assert (
        taken.count(good["id"]) == delivery_queue.PER_ENDPOINT
        and taken.count(bad["id"]) == delivery_queue.PER_FAILING
    )
    busy = {each.id: delivery_queue.PER_ENDPOINT for each in models.WebhookEndpoint.objects.all()}
    assert delivery_queue.claim(100, busy) == []


def test_a_failure_of_a_lapsed_claim_leaves_a_later_try_alone(cast, hook) -> None:
    emit_event(cast)
    publish_round()
    (early,) = delivery_queue.claim(100, {})
    advance_clock(16)
    (later,) = delivery_queue.claim(100, {})
    row = models.Delivery.objects.get()
    delivery_results.settle([DeliveryResult(early, timezone.now() - timedelta(seconds=16), 500, 1)])
    left = models.Delivery.objects.get()
    assert (left.state, left.tries, left.claimed_until) == ("pending", 0, row.claimed_until)
    assert delivery_queue.claim(100, {}) == []
    delivery_results.settle([DeliveryResult(later, timezone.now(), 200, 1)])
    assert models.Delivery.objects.get().state == "delivered"
    assert models.DeliveryAttempt.objects.count() == 2


def test_who_gives_back_what_had_lapsed_leaves_a_later_claim_alone(cast, hook) -> None:
    emit_event(cast)
    publish_round()
    (early,) = delivery_queue.claim(100, {})
    advance_clock(16)
    (later,) = delivery_queue.claim(100, {})
    delivery_queue.give_back([early])
    assert delivery_queue.claim(100, {}) == []
    delivery_queue.give_back([later])
    assert [each.id for each in delivery_queue.claim(100, {})] == [later.id]
