"""What may be forgotten, once an hour: old events, deliveries, messages and SIP traces, expired
tokens, kept answers, candidates.

Deletes in small batches, so that no lock is held for long and a stop is heard between them. Calls and
recordings are not touched here: they are the project's, until it deletes them. Of the audit log only the
failed sign-ins go.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Exists, OuterRef

import clock
from calling.commands import ice_candidates
from calling.models import Call, Conversation, SipMessage, SipTracing, StaffAction, TextMessage
from subscribers import idempotency
from tokens import issue

BATCH = 1000
FIRST = 50  # enough to see that nothing is old
KEPT_FAILURES = 10_000

EVENTS = """
WITH page AS MATERIALIZED (
    SELECT id, project_id, call_id, position, created_at
    FROM calling_event WHERE id > %(after)s ORDER BY id LIMIT %(batch)s
), old AS MATERIALIZED (
    SELECT e.id FROM page e
    WHERE e.created_at < %(before)s
      AND (e.position IS NULL OR e.position < (
          SELECT max(n.position) FROM calling_event n WHERE n.project_id = e.project_id))
      AND NOT EXISTS (SELECT 1 FROM calling_delivery d WHERE d.event_id = e.id AND d.state = 'pending')
      AND NOT EXISTS (SELECT 1 FROM calling_call c WHERE c.id = e.call_id AND c.state <> 'ended')
), attempts AS (
    DELETE FROM calling_deliveryattempt WHERE delivery_id IN (
        SELECT id FROM calling_delivery WHERE event_id IN (SELECT id FROM old))
), deliveries AS (
    DELETE FROM calling_delivery WHERE event_id IN (SELECT id FROM old)
), events AS (
    DELETE FROM calling_event WHERE id IN (SELECT id FROM old)
)
SELECT (SELECT count(*) FROM old), max(id), coalesce(bool_or(created_at < %(before)s), false) FROM page
"""
"""Ids grow with time: from the oldest on, a page after the other, until one has no old row. What is kept all
the same is passed once a run and not looked at again with each batch."""

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
    """Delete events older than `before` with their deliveries. Returns how many events.

    Kept all the same: each project's newest, because positions count on from it and a cursor must never
    point past the log; what waits for delivery; and the events of calls that are still up.
    """
    done, after, more = 0, 0, True
    while more:
        with connection.cursor() as cursor:
            batch = BATCH if after else FIRST
            cursor.execute(EVENTS, {"before": before, "batch": batch, "after": after})
            found, after, more = cursor.fetchone()
        done += found
    with connection.cursor() as cursor:
        cursor.execute(STATUS_ENDPOINTS, {"before": before})
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
    """Everything that has had its time. Harmless at any moment and side by side."""
    before = clock.now() - timedelta(days=settings.CALLWRIGHT_RETENTION_DAYS)
    done = issue.forget_expired() + idempotency.forget_answers() + ice_candidates.forget_old()
    done += forget_messages(before) + forget_sip_messages(before) + forget_sessions()
    return done + forget_failed_sign_ins(before) + forget_events(before)
