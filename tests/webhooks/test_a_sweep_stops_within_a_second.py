"""SIGTERM: nothing is lost, nothing is held, and the process is gone."""

from __future__ import annotations

import pytest

from calling import models
from tests.support.wait import wait_for
from tests.webhooks.conftest import emit_event, make_hook
from tests.webhooks.sweeps import Sweep

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def test_a_stopped_sweep_gives_back_what_it_was_trying(child_environment, cast, receivers, tmp_path) -> None:
    receiver = receivers(lambda number, headers, body: "timeout" if number == 0 else 200)
    make_hook(cast, receiver.url)
    first = Sweep(child_environment, tmp_path / "log")
    try:
        emit_event(cast)
        wait_for(lambda: receiver.got, 60, "the first try")
        assert first.stop() < 1.0
        assert first.process.returncode == 0
    finally:
        first.kill()
    (row,) = models.Delivery.objects.all()
    assert row.state == "pending" and row.claimed_until is None
    second = Sweep(child_environment, tmp_path / "log")
    try:
        wait_for(lambda: models.Delivery.objects.filter(state="delivered").exists(), 60, "the delivery")
    finally:
        second.kill()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_events_flow_without_redis(child_environment, cast, receiver, tmp_path) -> None:
    make_hook(cast, receiver.url)
    nowhere = {**child_environment, "REDIS_URL": "redis://127.0.0.1:1/0"}
    one = Sweep(nowhere, tmp_path / "log")
    try:
        emit_event(cast)
        wait_for(lambda: len(receiver.got) == 1, 60, "the first delivery")
        emit_event(cast)
        wait_for(lambda: len(receiver.got) == 2, 5, "a delivery with Redis gone")
    finally:
        one.kill()
