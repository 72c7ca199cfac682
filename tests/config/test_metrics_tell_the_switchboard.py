"""`/metrics` says what an operator is woken up for: live calls, what waits, what the workers carry."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from django.utils import timezone

from calling import models
from config.env import ROOT
from tests.support import fake_worker, people

pytestmark = pytest.mark.django_db


def a_worker() -> None:
    models.MediaWorker.objects.create(
        name="media1@host", host="host", pid=1, media_address="127.0.0.1", lock_key=1, legs=7,
        loop_lag_ms=20.0, heartbeat_at=timezone.now(),
    )  # fmt: skip


def told() -> dict[str, float]:
    """Every figure of our own."""
    text = Client().get("/metrics").content.decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("callwright_")]
    return {name: float(value) for name, _, value in lines}


def test_an_idle_switchboard_tells_noughts() -> None:
    found = told()
    assert found["callwright_database_up"] == 1
    assert found['callwright_calls{state="ringing"}'] == found["callwright_events_waiting"] == 0
    assert found['callwright_deliveries{state="parked"}'] == found["callwright_workers"] == 0
    assert not any('state="ended"' in name for name in found)


def test_live_calls_waiting_events_and_workers_are_counted() -> None:
    cast = people.make_cast()
    fake_worker.ringing(cast)
    a_worker()
    found = told()
    assert found['callwright_calls{state="ringing"}'] == 1
    assert found["callwright_events_waiting"] >= 2
    assert found['callwright_worker_legs{region="",worker="media1@host"}'] == 7
    assert found['callwright_worker_loop_lag_seconds{region="",worker="media1@host"}'] == 0.02


def test_every_metric_of_the_grafana_board_is_told() -> None:
    a_worker()
    text = Client().get("/metrics").content.decode()
    there = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))
    board = json.loads((ROOT / "docker" / "grafana" / "callwright.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {word for each in asked for word in re.findall(r"(?:callwright|process)_[a-z_]+", each)}
    assert len(asked) > 10 and named <= there, named - there
