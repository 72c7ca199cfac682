"""How fast a day of events goes, with its deliveries, beside a writer: `python -m bench retention`.

Fills days of events by INSERT … SELECT, each with one delivery that came through, a thousand of all still
pending and a hundred parked. Then the deletion by age runs while somebody writes events all the time.
Printed: how many a second it forgets, against the promise, and how long the longest write took.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

PROMISE = 2_000
"""Events a second that retention keeps up with."""

EVENTS = """
INSERT INTO calling_event
    (id, event_id, project_id, call_id, stream, sequence, type, data, body, created_at, position)
SELECT %(first)s + i, gen_random_uuid(), %(project)s, md5((i / 5)::text || %(first)s)::uuid,
    %(first)s || 's' || i / 5, i %% 5 + 1,
    (ARRAY['call.created', 'call.ringing', 'call.answered', 'leg.ended', 'call.ended'])[i %% 5 + 1],
    '{}', repeat('x', 1000), now() - interval '40 days', %(place)s + i
FROM generate_series(0, %(count)s - 1) i
"""
DELIVERIES = """
INSERT INTO calling_delivery
    (id, endpoint_id, event_id, stream, body, state, trigger, tries, created_at, finished_at)
SELECT gen_random_uuid(), %(endpoint)s, %(first)s + i, %(first)s || 's' || i / 5, '',
    CASE WHEN i < 1000 THEN 'pending' WHEN i < 1100 THEN 'parked' ELSE 'delivered' END, 'event', 1,
    now() - interval '40 days', now() - interval '40 days'
FROM generate_series(0, %(count)s - 1) i
"""
ATTEMPTS = """
INSERT INTO calling_deliveryattempt (delivery_id, at, status, error, duration_ms, answer)
SELECT id, created_at, 200, '', 5, '' FROM calling_delivery WHERE state = 'delivered'
"""


def fill(days: int, count: int) -> Any:
    """Days that are over, and today. The project."""
    from django.db import connection

    from bench.growth import set_stage
    from calling.calls import event_days
    from calling.retention import partitions

    stage = set_stage()
    today = datetime.now(UTC).date()
    with connection.cursor() as cursor:
        for number in range(days + 1):
            first, end = (
                event_days.first_number(today + timedelta(days=number + more + 1)) for more in (0, 1)
            )
            partitions.make(f"calling_event_{today + timedelta(days=number + 1):%Y%m%d}", first, end)
            begun = "INSERT INTO callwright_event_day VALUES (%s, now() - %s * interval '1 day')"
            cursor.execute(begun, [first, 40 - number if number < days else 35])
            if number == days:
                cursor.execute("SELECT setval('calling_event_id_seq', %s)", [first])
                break
            words = {"project": stage.project, "endpoint": stage.endpoint, "first": first, "count": count}
            cursor.execute(EVENTS, words | {"place": number * count + 1})
            cursor.execute(DELIVERIES, words)
        cursor.execute(ATTEMPTS)
        cursor.execute("ANALYZE")
    event_days.forget()
    return stage.project


def write_on(project: Any, stop: threading.Event, waits: list[float]) -> None:
    from django.db import connection

    from calling.calls import control

    while not stop.is_set():
        began = time.perf_counter()
        control.record_project_event(project, "webhook.disabled", {})
        waits.append(time.perf_counter() - began)
    connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.retention")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--events", type=int, default=60_000, help="a day")
    chosen = parser.parse_args()
    from bench.webhooks import prepare

    prepare()
    import clock
    from calling import models, retention

    project = fill(chosen.days, chosen.events)
    stop, waits = threading.Event(), [0.0]
    writer = threading.Thread(target=write_on, args=(project, stop, waits))
    writer.start()
    began, before = time.perf_counter(), clock.now() - timedelta(days=30)
    done = retention.forget_events(before)
    seconds = time.perf_counter() - began
    stop.set()
    writer.join()
    left = models.Event.objects.filter(created_at__lt=before).count()
    rate = done / seconds
    print(
        f"retention {done} events and as many deliveries of {chosen.days} days forgotten in {seconds:.1f} s: "
        f"{rate:.0f}/s (promise {PROMISE}); {left} kept; longest of {len(waits)} writes beside it "
        f"{max(waits) * 1000:.0f} ms",
        flush=True,
    )
    return int(rate < PROMISE or left < chosen.days * 1100)


if __name__ == "__main__":
    sys.exit(main())
