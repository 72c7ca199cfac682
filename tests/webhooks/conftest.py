"""The cast, receivers on loopback, and a deliverer turned by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from calling import models
from calling.calls import event_log
from calling.webhooks import delivery_queue, delivery_results, signing
from calling.webhooks.deliverer import Deliverer
from calling.webhooks.publish import publish_round
from tests.support.people import Cast, make_cast, make_mallory
from tests.webhooks.receivers import Receiver


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def mallory(db: None) -> Cast:
    return make_mallory()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(behave: Any = None) -> Receiver:
        made.append(Receiver(behave))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def hook(cast: Cast, receiver: Receiver) -> dict[str, Any]:
    """An endpoint that wants everything, as it was answered: with its secret."""
    return make_hook(cast, receiver.url)


def make_hook(cast: Cast, url: str, events: list[str] | None = None) -> dict[str, Any]:
    answer = cast.rest.post("/api/webhooks", {"url": url, "events": events or ["*"]})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def emit_event(cast: Cast, type: str = "room.started", room: str = "r", **data: Any) -> models.Event:
    """Something happens in the project; room events are in order per room."""
    stream, data = f"room:{room}", {"room": room, **data}
    with transaction.atomic():
        sequence = event_log.next_in_stream(stream)
        return event_log.append(
            cast.project.id, stream, type, data, timezone.now(), sequence=sequence, facts=data
        )


def deliver_due() -> int:
    """Publish, claim what is due now, try it and settle it. How many were tried."""
    publish_round()
    claimed = delivery_queue.claim(256, {})
    deliverer = Deliverer()

    async def tries() -> None:
        await asyncio.gather(*(deliverer.attempt(each) for each in claimed))

    asyncio.run(tries())
    if claimed:
        delivery_results.settle([deliverer.done.get_nowait() for _ in claimed])
    return len(claimed)


def turn_all() -> None:
    for _ in range(200):
        if not deliver_due():
            return
    raise AssertionError("deliveries never came to rest")


def advance_clock(seconds: float) -> None:
    """Move the clock forward, by moving everything that is written down back."""
    by = timedelta(seconds=seconds)
    models.Delivery.objects.update(next_at=F("next_at") - by, claimed_until=F("claimed_until") - by)
    models.DeliveryAttempt.objects.update(at=F("at") - by)
    models.WebhookEndpoint.objects.update(
        failing_since=F("failing_since") - by, old_secret_until=F("old_secret_until") - by
    )
    for endpoint in models.WebhookEndpoint.objects.all():
        old = signing.kept_secrets(endpoint.old_secret, endpoint.old_secret_until, timezone.now())
        text = signing.kept_text(signing.Kept(each.sealed, each.until - by) for each in old)
        models.WebhookEndpoint.objects.filter(pk=endpoint.pk).update(old_secret=text)


def deliveries(cast: Cast, hook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    return list(cast.rest.get(f"/api/webhooks/{hook['id']}/deliveries{query}").json()["data"])
