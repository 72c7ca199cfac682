"""No hot query reads more for a long history: twice the blocks at most with 33 times the rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from bench import growth
from calling.calls import event_days
from calling.webhooks import counts

TIMES = 33


def measured(calls: int, most: int) -> dict[str, growth.Meter]:
    try:
        with transaction.atomic():
            stage = growth.set_stage()
            growth.fill(stage, calls)
            found = growth.measure(stage, most)
            transaction.set_rollback(True)
    finally:
        event_days.forget()  # its days are rolled back
    return found


@pytest.mark.django_db
def test_a_history_33_times_as_long_costs_at_most_twice(
    figure: Callable[[int, int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MOST", counts.MOST)
    calls = figure(600, 6000)
    few, many = (measured(number, calls // 30) for number in (calls, calls * TIMES))
    grown = {
        name: (few[name].blocks, after.blocks, max(after.plans, key=lambda each: each[0])[1][:300])
        for name, after in many.items()
        if growth.too_many(few[name].blocks, after.blocks)
    }
    assert grown == {}, "\n".join(growth.table(few, many, TIMES))
