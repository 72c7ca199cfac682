"""Bad receiver, killed deliverers, flushed Redis: no delivery is lost or reordered.

Proves docs/security.md#r4.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from calling.calls import event_log
from calling.models.ids import uuid7
from tests.support.wait import wait_for
from tests.webhooks.conftest import make_hook
from tests.webhooks.receivers import faulty
from tests.webhooks.sweeps import Sweep

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
PER_CALL = 10


def write_events(project_id: UUID, calls: list[UUID]) -> None:
    """Ten events of each call, the calls by turns, as the door writes them."""
    for sequence in range(1, PER_CALL + 1):
        for start in range(0, len(calls), 50):
            with transaction.atomic():
                for call_id in calls[start : start + 50]:
                    data = {"call": {"id": str(call_id)}}
                    event_log.append(
                        project_id,
                        str(call_id),
                        "call.dtmf",
                        data,
                        timezone.now(),
                        sequence=sequence,
                        call_id=call_id,
                    )
    connection.close()


@pytest.mark.family
@pytest.mark.timeout(3600)
def test_all_arrive_in_order_while_everything_fails(
    child_environment, cast, receivers, tmp_path, seed, figure
) -> None:
    calls = [uuid7() for _ in range(figure(40, 2000))]
    kills, flushes, total = figure(2, 20), figure(1, 5), len(calls) * PER_CALL
    receiver = receivers(faulty(seed))
    make_hook(cast, receiver.url)
    rng = random.Random(seed)
    writer = threading.Thread(target=write_events, args=(cast.project.id, calls), daemon=True)
    sweep = Sweep(child_environment, tmp_path / "log", "tests.webhooks.fast_retry_settings")
    started, killed, flushed = time.monotonic(), 0, 0
    writer.start()
    try:
        seen: set[str] = set()
        place = 0
        while len(seen) < total:
            assert time.monotonic() - started < figure(100, 3500), f"{len(seen)} of {total} arrived"
            with receiver.lock:
                fresh, place = receiver.got[place:], len(receiver.got)
            seen |= {each.id for each in fresh if each.acked}
            if killed < kills and len(seen) > total * (killed + 1) / (kills + 1):
                time.sleep(rng.uniform(0, 0.5))  # at any moment, not just when something has arrived
                sweep.kill()
                killed += 1
                sweep = Sweep(child_environment, tmp_path / "log", "tests.webhooks.fast_retry_settings")
            if flushed < flushes and len(seen) > total * (flushed + 0.5) / (flushes + 1):
                redis.Redis.from_url(settings.REDIS_URL).flushdb()
                flushed += 1
            time.sleep(0.02)
    finally:
        writer.join(30)
        sweep.kill()
    took = time.monotonic() - started

    order: dict[str, list[int]] = defaultdict(list)
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for got in receiver.got:
        order[got.stream].append(got.json["data"]["sequence"])
        bodies[got.id].add(got.body)
    reordered = [stream for stream, tries in order.items() if tries != sorted(tries)]
    times = Counter(each.id for each in receiver.acked())
    doubled = sum(count - 1 for count in times.values())
    print(
        f"{total} events in {took:.0f} s, {len(receiver.got)} tries, {killed} kills, {flushed} flushes: "
        f"{total - len(times)} lost, {len(reordered)} calls reordered, "
        f"{doubled} answered 200 twice ({100 * doubled / total:.2f} %)"
    )
    assert (killed, flushed) == (kills, flushes)
    assert len(times) == total and not reordered
    assert all(len(variants) == 1 for variants in bodies.values())
    # the sample has a kill every 200 events, the full size one every 1,000: 1 % of that
    assert doubled <= kills * 10


def test_a_dead_endpoint_does_not_slow_another(child_environment, cast, receivers, tmp_path) -> None:
    dead, well = receivers(lambda number, headers, body: "timeout"), receivers()
    make_hook(cast, dead.url)
    make_hook(cast, well.url)
    sweep = Sweep(child_environment, tmp_path / "log")
    try:
        written: dict[str, float] = {}
        for sequence in range(1, 61):
            with transaction.atomic():
                data = {"call": {"id": "x"}}
                row = event_log.append(
                    cast.project.id, str(uuid7()), "call.dtmf", data, timezone.now(), sequence=sequence
                )
            written[str(row.event_id)] = time.monotonic()
            if sequence == 1:
                wait_for(lambda: well.got, 60, "the first delivery")
        deadline = time.monotonic() + 15
        while len(well.got) < 60 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        sweep.kill()
    waits = sorted(got.at - written[got.id] for got in well.got[1:])
    print(f"beside a dead endpoint: p50 {waits[29] * 1000:.0f} ms, worst {waits[-1] * 1000:.0f} ms")
    assert len(waits) == 59 and waits[-1] < 2.0
