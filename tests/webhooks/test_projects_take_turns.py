"""However much one project has to deliver, and however slowly its receivers answer, others are served."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from calling import models
from calling.webhooks import delivery_queue
from calling.webhooks.deliverer import IN_FLIGHT
from calling.webhooks.publish import publish_round
from tests.support.people import Cast
from tests.webhooks.conftest import emit_event, make_hook

URL = "http://127.0.0.1:9/"


def flood(evil: Cast, endpoints: int, streams: int) -> None:
    for _ in range(endpoints):
        make_hook(evil, URL)
    for number in range(streams):
        emit_event(evil, room=f"evil{number}")


def projects(claimed: list[delivery_queue.ClaimedDelivery]) -> Counter[UUID]:
    rows = models.WebhookEndpoint.objects.in_bulk([each.endpoint_id for each in claimed])
    return Counter(rows[each.endpoint_id].project_id for each in claimed)


def busy_after(claimed: list[delivery_queue.ClaimedDelivery]) -> Counter[UUID]:
    return Counter(each.endpoint_id for each in claimed)


def test_who_comes_late_is_not_behind_the_backlog_of_another(cast: Cast, mallory: Cast) -> None:
    flood(mallory, endpoints=6, streams=40)
    make_hook(cast, URL)
    emit_event(cast)
    publish_round()
    claimed = delivery_queue.claim(IN_FLIGHT, {})
    assert projects(claimed)[cast.project.id] == 1
    assert len(claimed) == IN_FLIGHT - delivery_queue.RESERVED


def test_a_project_whose_receivers_hold_all_they_may_leaves_places_for_others(
    cast: Cast, mallory: Cast
) -> None:
    """Twelve endpoints that never answer: the deliverer's room is not theirs alone."""
    flood(mallory, endpoints=12, streams=40)
    publish_round()
    held = delivery_queue.claim(IN_FLIGHT, {})
    assert len(held) == IN_FLIGHT - delivery_queue.RESERVED
    busy = busy_after(held)
    room = IN_FLIGHT - busy.total()
    assert delivery_queue.claim(room, busy) == [], "the rest is not for who has so much"
    make_hook(cast, URL)
    for number in range(20):
        emit_event(cast, room=f"quiet{number}")
    publish_round()
    mine = delivery_queue.claim(room, busy)
    assert projects(mine) == {cast.project.id: delivery_queue.PER_QUIET}
    busy += busy_after(mine)
    assert delivery_queue.claim(IN_FLIGHT - busy.total(), busy) == []


def test_the_tries_under_way_count_for_the_project_and_not_for_the_endpoint_alone(
    cast: Cast, mallory: Cast
) -> None:
    """A second endpoint is no second turn."""
    flood(mallory, endpoints=2, streams=30)
    publish_round()
    one, _ = models.WebhookEndpoint.objects.filter(project_id=mallory.project.id)
    busy: dict[UUID, Any] = {one.id: delivery_queue.PER_ENDPOINT}
    assert delivery_queue.claim(delivery_queue.RESERVED, busy) == []
    assert delivery_queue.claim(delivery_queue.RESERVED + 3, busy) != []


def test_alone_a_project_has_all_that_is_not_reserved(mallory: Cast) -> None:
    flood(mallory, endpoints=8, streams=40)
    publish_round()
    assert len(delivery_queue.claim(IN_FLIGHT, {})) == IN_FLIGHT - delivery_queue.RESERVED
