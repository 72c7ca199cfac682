"""What a media session reads is of one moment: a device that answers in between is there before or after."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection

from calling import models
from calling.media.session import rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_answer_between_two_queries_is_not_half_seen(cast) -> None:
    """The calls with their legs, attempts, operations and candidates are read by one statement."""
    from tests.support import fake_worker

    call_id = fake_worker.talking(cast)
    leg = models.Leg.objects.get(call_id=call_id, role="caller")
    session = models.Call.objects.get(pk=call_id).session_id
    models.Leg.objects.filter(pk=leg.pk).update(held=False)
    seen: list[str] = []

    def change() -> None:
        models.Leg.objects.filter(pk=leg.pk).update(held=True)
        connection.close()

    def after(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        seen.append(sql)
        other = threading.Thread(target=change)
        other.start()
        other.join()
        return answer

    with connection.execute_wrapper(after):
        look = rows.read(str(session), uuid4(), frozenset(), frozenset())
    assert len(seen) == 1 and "calling_leg" in seen[0] and "calling_attempt" in seen[0]
    (call,) = look.calls
    assert call.leg(str(leg.pk)).held is False
