"""What `manage.py doctor` says of deliveries that wait: it blames the sweep only where that is to blame."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from calling import models
from calling.calls import event_log
from calling.webhooks.publish import publish_round
from config.doctor.rows import overdue
from tests.support.people import Cast
from tests.webhooks.conftest import deliver_due, emit_event, make_hook


def late() -> int:
    return overdue(timezone.now() - timedelta(seconds=30))


def age() -> None:
    models.Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=60))


def test_what_nobody_tries_is_overdue_once_per_stream(cast: Cast, hook: dict[str, Any]) -> None:
    for _ in range(3):
        emit_event(cast)
    publish_round()
    assert late() == 0
    age()
    assert late() == 1


def test_a_test_of_an_endpoint_is_no_event_that_waits(cast: Cast, hook: dict[str, Any]) -> None:
    assert cast.rest.post(f"/api/webhooks/{hook['id']}/test", {}).status_code == 202
    publish_round()
    assert event_log.waiting().count() == 0
    emit_event(cast)
    assert event_log.waiting().count() == 1


def test_what_waits_behind_a_failing_delivery_is_not_overdue(
    cast: Cast, receivers: Callable[..., Any]
) -> None:
    dead = receivers()
    make_hook(cast, dead.url)
    dead.close()
    for _ in range(3):
        emit_event(cast)
    assert deliver_due() == 1
    waiting = models.Delivery.objects.filter(state="pending", tries=0)
    assert waiting.update(next_at=timezone.now() - timedelta(seconds=60)) == 2
    assert late() == 0
