"""DELETE /api/webhooks/{id}."""

from __future__ import annotations

import asyncio

from calling.webhooks import delivery_queue, delivery_results
from calling.webhooks.deliverer import Deliverer
from calling.webhooks.publish import publish_round
from tests.support import rest_client
from tests.webhooks.conftest import emit_event, make_hook, turn_all
from tests.webhooks.refusals import to_strangers


def test_an_endpoint_is_gone_at_once(cast, hook, receiver) -> None:
    emit_event(cast)
    assert cast.rest.delete(f"/api/webhooks/{hook['id']}").status_code == 204
    rest_client.error_of(cast.rest.get(f"/api/webhooks/{hook['id']}"), 404)
    turn_all()
    assert receiver.got == []


def test_a_try_under_way_when_its_endpoint_is_deleted_harms_no_other(cast, hook, receiver) -> None:
    other = make_hook(cast, receiver.url)
    emit_event(cast)
    publish_round()
    claimed, deliverer = delivery_queue.claim(10, {}), Deliverer()
    for each in claimed:
        asyncio.run(deliverer.attempt(each))
    cast.rest.delete(f"/api/webhooks/{hook['id']}")
    delivery_results.settle([deliverer.done.get_nowait() for _ in claimed])
    (kept,) = cast.rest.get(f"/api/webhooks/{other['id']}/deliveries").json()["data"]
    assert kept["status"] == "delivered"


def test_strangers_are_refused(cast, mallory, hook) -> None:
    to_strangers(cast, mallory, "delete", f"/api/webhooks/{hook['id']}")
