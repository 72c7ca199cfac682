"""What may be forgotten, once an hour: old events, deliveries, messages and SIP traces, expired
tokens, kept answers, candidates.

Deletes in small batches, so that no lock is held for long and a stop is heard between them; of events a day
at once. Calls and recordings are the project's until it deletes them, but where the instance says how long
they are kept (`old_calls`). Of the audit log only the failed sign-ins go.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import ProgrammingError, connection
from django.db.models import Exists, OuterRef

import clock
from calling.commands import ice_candidates
from calling.models import Call, Conversation, SipMessage, SipTracing, StaffAction, TextMessage
from calling.retention import old_calls, partitions
from calling.retention.partitions import Partition
from subscribers import idempotency
from tokens import issue

BATCH = 1000
FIRST = 50  # enough to see that nothing is old
KEPT_FAILURES = 10_000
TRIES, PAUSE_SECONDS = 30, 1.0  # to have the log for the moment in which a day is dropped

EVENTS = """
WITH page AS MATERIALIZED (
    SELECT id, project_id, call_id, position, created_at
    FROM {partition} WHERE id > %(after)s ORDER BY id LIMIT %(batch)s
), heads AS MATERIALIZED (
    SELECT p.project_id, (
        SELECT max(n.position) FROM calling_event n WHERE n.project_id = p.project_id) AS position
    FROM (SELECT DISTINCT project_id FROM page WHERE created_at < %(before)s) p
), old AS MATERIALIZED (
    SELECT e.id FROM page e JOIN heads h ON h.project_id = e.project_id
    WHERE e.created_at < %(before)s
      AND (e.position IS NULL OR e.position < h.position)
      AND NOT EXISTS (SELECT 1 FROM calling_delivery d
                      WHERE d.event_id = e.id AND d.state IN ('pending', 'parked'))
      AND NOT EXISTS (SELECT 1 FROM calling_call c WHERE c.id = e.call_id AND c.state <> 'ended')
), attempts AS (
    DELETE FROM calling_deliveryattempt WHERE delivery_id IN (
        SELECT id FROM calling_delivery WHERE event_id IN (SELECT id FROM old))
), deliveries AS (
    DELETE FROM calling_delivery WHERE event_id IN (SELECT id FROM old)
), events AS (
    DELETE FROM {partition} WHERE id IN (SELECT id FROM old)
)
SELECT (SELECT count(*) FROM old), max(id), coalesce(bool_or(created_at < %(before)s), false) FROM page
"""
"""Ids grow with time: from the oldest on, a page after the other, until one has no old row. What is kept all
the same is passed once a run and not looked at again with each batch."""

STAY = """
SELECT d.event_id AS id FROM calling_delivery d
WHERE d.event_id >= %(first)s AND d.event_id < %(end)s AND d.state IN ('pending', 'parked')
UNION
SELECT e.id FROM calling_call c JOIN {partition} e ON e.call_id = c.id WHERE c.state <> 'ended'
UNION
SELECT e.id FROM subscribers_project p CROSS JOIN LATERAL (
    SELECT n.id, n.position FROM {partition} n WHERE n.project_id = p.id AND n.position IS NOT NULL
    ORDER BY n.position DESC LIMIT 1
) e
WHERE NOT EXISTS (SELECT FROM calling_event n WHERE n.project_id = p.id AND n.position > e.position)
"""
"""What outlives its day, whatever its age: the same as above."""

DELIVERIES = """
WITH page AS MATERIALIZED (
    SELECT id, event_id, state FROM calling_delivery
    WHERE event_id >= %(first)s AND event_id < %(end)s AND state NOT IN ('pending', 'parked')
    ORDER BY event_id LIMIT %(batch)s
), attempts AS (
    DELETE FROM calling_deliveryattempt WHERE delivery_id IN (SELECT id FROM page)
), deliveries AS (
    DELETE FROM calling_delivery WHERE id IN (SELECT id FROM page)
)
SELECT count(*), max(event_id) FROM page
"""
SENT_AGAIN = """
WITH old AS MATERIALIZED (
    SELECT d.id FROM calling_delivery d WHERE d.state = 'parked' AND d.created_at < %(before)s AND EXISTS (
        SELECT 1 FROM calling_delivery s
        WHERE s.event_id = d.event_id AND s.endpoint_id = d.endpoint_id AND s.state = 'delivered')
    LIMIT %(batch)s
), attempts AS (
    DELETE FROM calling_deliveryattempt WHERE delivery_id IN (SELECT id FROM old)
), deliveries AS (
    DELETE FROM calling_delivery WHERE id IN (SELECT id FROM old)
)
SELECT count(*) FROM old
"""
OF_NOTHING = """
DELETE FROM calling_delivery d WHERE d.event_id >= %(first)s AND d.event_id < %(end)s
  AND d.state IN ('pending', 'parked') AND NOT EXISTS (SELECT 1 FROM calling_event e WHERE e.id = d.event_id)
"""
"""One may be sent again in the very moment in which its day is dropped."""

STATUS_ENDPOINTS = """
DELETE FROM calling_webhookendpoint e WHERE e.call_id IS NOT NULL AND e.created_at < %(before)s
  AND NOT EXISTS (SELECT 1 FROM calling_delivery d WHERE d.endpoint_id = e.id)
  AND NOT EXISTS (SELECT 1 FROM calling_call c WHERE c.id = e.call_id AND c.state <> 'ended')
"""

COUNT_TRACE = """
UPDATE calling_siptracing SET bytes = coalesce(
    (SELECT sum(octet_length(m.data)) FROM calling_sipmessage m WHERE m.project_id = %(project)s), 0)
WHERE project_id = %(project)s
"""


def forget_events(before: datetime) -> int:
    """Delete events older than `before` with their deliveries. Returns how many, of whole days about.

    Kept all the same: each project's newest, because positions count on from it and a cursor must never
    point past the log; what waits for delivery or is parked; and the events of calls that are still up.
    A day goes as a whole, once its last event is old enough.
    """
    forget_sent_again(before)
    oldest, *days = partitions.partitions()
    done = forget_rows(oldest.name, before) + forget_rows(partitions.OUTSIDE, before)
    for day in days:
        if not partitions.ended_by(day, before):
            break
        found = forget_day(day, before)
        if found is None:
            break
        done += found
    with connection.cursor() as cursor:
        cursor.execute(STATUS_ENDPOINTS, {"before": before})
    return done


def forget_day(day: Partition, before: datetime) -> int | None:
    """A day that is over: its deliveries in batches, then all its events at once, or row by row where too
    many stay. None where somebody reads the log all the time: the next run tries again."""
    forget_deliveries(day)
    try:
        return forget_partition(day, before)
    except ProgrammingError:
        if day in partitions.partitions():
            raise
        return 0  # another sweep has done it


def forget_partition(day: Partition, before: datetime) -> int | None:
    number = partitions.size(day)
    stay = STAY.format(partition=day.name)
    words: dict[str, Any] = {"first": day.lowest, "end": day.end}
    for _ in range(TRIES):
        try:
            if not partitions.drop(day, stay, words):
                return forget_rows(day.name, before)
            break
        except partitions.Busy:
            clock.sleep(PAUSE_SECONDS)
    else:
        return None
    with connection.cursor() as cursor:
        cursor.execute(OF_NOTHING, words)
    return number


def forget_rows(partition: str, before: datetime) -> int:
    done, after, more, batch = 0, -1, True, FIRST
    statement = EVENTS.format(partition=partition)
    while more:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"before": before, "batch": batch, "after": after})
            found, after, more = cursor.fetchone()
        done, batch = done + found, BATCH
    return done


def forget_deliveries(day: Partition) -> int:
    """Delete the deliveries of a day's events that are over. How many."""
    done, first = 0, day.lowest
    while True:
        with connection.cursor() as cursor:
            cursor.execute(DELIVERIES, {"first": first, "end": day.end, "batch": BATCH})
            found, last = cursor.fetchone()
        if not found:
            return done
        done, first = done + found, last


def forget_sent_again(before: datetime) -> int:
    """Delete parked deliveries whose event the same endpoint has got since. How many."""
    done, found = 0, 1
    while found:
        with connection.cursor() as cursor:
            cursor.execute(SENT_AGAIN, {"before": before, "batch": BATCH})
            (found,) = cursor.fetchone()
        done += found
    return done


def forget_failed_sign_ins(before: datetime) -> int:
    """Delete what strangers wrote into the audit log: rows older than `before`, and all but the newest
    10,000. What staff did stays. Returns how many."""
    rows = StaffAction.objects.filter(action="login.failed")
    done, _ = rows.filter(at__lt=before).delete()
    for last in rows.order_by("-id").values_list("id", flat=True)[KEPT_FAILURES : KEPT_FAILURES + 1]:
        done += rows.filter(id__lte=last).delete()[0]
    return done


def forget_messages(before: datetime) -> int:
    """Delete messages older than `before`, and conversations in which nothing was said since. How many."""
    done = 0
    for rows in (
        TextMessage.objects.filter(created_at__lt=before),
        Conversation.objects.filter(spoken_at__lt=before),
    ):
        while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
            done += rows.filter(pk__in=batch).delete()[0]
    return done


def forget_sip_messages(before: datetime) -> int:
    """Delete SIP messages older than `before`, and those of calls that were deleted while an edge still wrote
    them; then count anew what each traced project has. How many."""
    gone = ~Exists(Call.objects.filter(pk=OuterRef("call_id")))
    done = 0
    for rows in (SipMessage.objects.filter(at__lt=before), SipMessage.objects.filter(gone)):
        while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
            done += SipMessage.objects.filter(pk__in=batch).delete()[0]
    for project_id in SipTracing.objects.values_list("pk", flat=True):
        with connection.cursor() as cursor:
            cursor.execute(COUNT_TRACE, {"project": project_id})
    return done


def forget_sessions() -> int:
    """Delete browsers' sessions that are over; strangers make some on their way to sign in. How many."""
    done, over = 0, Session.objects.filter(expire_date__lt=clock.now())
    while batch := list(over.values_list("pk", flat=True)[:BATCH]):
        done += over.filter(pk__in=batch).delete()[0]
    return done


def forget_all() -> int:
    """Delete everything that is too old. Safe at any time, and in several processes at once."""
    before = clock.now() - timedelta(days=settings.CALLWRIGHT_RETENTION_DAYS)
    done = issue.forget_expired() + idempotency.forget_answers() + ice_candidates.forget_old()
    done += forget_messages(before) + forget_sip_messages(before) + forget_sessions()
    if settings.CALLWRIGHT_CALL_RETENTION_DAYS:
        kept = timedelta(days=settings.CALLWRIGHT_CALL_RETENTION_DAYS)
        done += old_calls.forget_calls(clock.now() - kept)
    return done + forget_failed_sign_ins(before) + forget_events(before)
