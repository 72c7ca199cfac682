"""The job of the deadlines knows when the next one passes, and waits no longer than until then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calling import models, sweep
from calling.management.commands.sweep import JOB_SECONDS, LEAST_SECONDS, sweep_due
from tests.support import fake_worker, people


@pytest.fixture
def call(db: None) -> models.Call:
    assert sweep.next_deadline() is None and sweep_due() == JOB_SECONDS
    return models.Call.objects.get(pk=fake_worker.ringing(people.make_cast()))


def due_in(call: models.Call, seconds: float) -> None:
    models.Call.objects.filter(pk=call.pk).update(deadline=timezone.now() + timedelta(seconds=seconds))


def test_it_waits_until_the_next_deadline_and_never_longer_than_a_round(call: models.Call) -> None:
    due_in(call, 600)
    found = sweep.next_deadline()
    assert found is not None and 590 < found <= 600 and sweep_due() == JOB_SECONDS
    due_in(call, -1)
    found = sweep.next_deadline()
    assert found is not None and found <= -1


@pytest.mark.parametrize(("left", "wait"), [(0.1, 0.1), (0.0, LEAST_SECONDS), (-0.1, LEAST_SECONDS)])
def test_one_just_ahead_is_waited_for(call: models.Call, monkeypatch, left: float, wait: float) -> None:
    monkeypatch.setattr("calling.management.commands.sweep.next_deadline", lambda: left)
    assert sweep_due() == wait


def test_a_row_that_stays_overdue_is_told_once_a_round(call: models.Call) -> None:
    due_in(call, -5)
    assert sweep_due() == JOB_SECONDS
