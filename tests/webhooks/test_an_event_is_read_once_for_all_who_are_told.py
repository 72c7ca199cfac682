"""However many status_urls a call has, publishing one of its events costs the same statements."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calling import models
from calling.calls import control, status_urls
from calling.machine import inputs
from calling.webhooks import publish
from tests.support import fake_worker
from tests.support.people import make_cast

pytestmark = pytest.mark.django_db(transaction=True)


def statements(told: int) -> int:
    cast = make_cast()
    call_id = fake_worker.talking(cast)
    row = models.Call.objects.get(pk=call_id)
    for number in range(told):
        status_urls.tell_operation(row, "play", f"c-{number}", "http://127.0.0.1:9/told")
    publish.publish_round()
    control.apply(call_id, inputs.UserEvent(fake_worker.leg_of(call_id, "caller").id, {"a": 1}))
    with CaptureQueriesContext(connection) as asked:
        publish.publish_round()
    return len(asked)


def test_publishing_costs_as_much_for_one_as_for_many() -> None:
    assert statements(1) == statements(40)
