"""Checks every alert, raises those whose condition has become true, and selects those to deliver.

An alert is raised once: as the event `alert.raised`, and to its address. It rests when its condition no
longer holds, and may be raised again then. What is still to be told is in the row, so a restart forgets
nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

import clock
from calling.alerts import conditions
from calling.calls import control
from calling.models.alert import Alert
from calling.runtime import fair_slots

log = logging.getLogger(__name__)

NOBODY: Final[Mapping[str, int]] = {}
MOST_AT_ONCE: Final = 50  # being told, of all projects
PAGE: Final = 200
# Waits between tries to tell somebody, in seconds; then it is given up.
WAITS: Final = (5, 30, 120, 600, 3600)
CLAIM_SECONDS: Final = 60


def look() -> int:
    """One round: raise every alert whose condition has become true. Returns how many."""
    now, done = clock.now(), 0
    for alert in every_alert():
        try:
            done += judge(alert, now)
        except Exception:  # one project's alert must not keep the watch from the others
            log.exception("An alert could not be checked", extra={"alert_id": str(alert.pk)})
    return done


def every_alert() -> Iterator[Alert]:
    """A page after the other. A cursor of the server would be another session's behind PgBouncer."""
    rows = Alert.objects.order_by("id")
    page = list(rows[:PAGE])
    while page:
        yield from page
        page = list(rows.filter(id__gt=page[-1].id)[:PAGE]) if len(page) == PAGE else []


def judge(alert: Alert, now: datetime) -> int:
    """Raise the alert, or reset it."""
    found = conditions.found(alert, now)
    if found is None:
        if alert.raised_at is not None:
            Alert.objects.filter(pk=alert.pk).update(raised_at=None, detail={})
        return 0
    with transaction.atomic():
        # Conditional: of several sweeps one raises it.
        raised = Alert.objects.filter(pk=alert.pk, raised_at=None).update(
            raised_at=now, detail=found, telling=True, tries=0, next_at=now
        )
        if raised:
            data = {"alert_id": str(alert.pk), "kind": alert.kind, "detail": found}
            control.record_project_event(alert.project_id, "alert.raised", data)
    return raised


def take_due(busy: Mapping[str, int] = NOBODY, most: int = MOST_AT_ONCE) -> list[Alert]:
    """Alerts that somebody is to be told of now, each project in its turn; no two sweeps get the same one.

    `busy`: how many of a project are being told already.
    """
    now = clock.now()
    due = Q(telling=True, next_at__lte=now)
    waiting = Alert.objects.filter(due).order_by("next_at").values_list("project_id", "pk")
    mine = fair_slots.chosen([(str(project), key) for project, key in waiting], busy, most)
    later = now + timedelta(seconds=CLAIM_SECONDS)
    taken = [key for key in mine if Alert.objects.filter(due, pk=key).update(next_at=later)]
    return list(Alert.objects.filter(pk__in=taken).select_related("project"))


def settle(alert: Alert, told: bool) -> None:
    """Store the result of the delivery."""
    if told:
        Alert.objects.filter(pk=alert.pk).update(telling=False)
    else:
        keep_for_later(alert, clock.now())


def keep_for_later(alert: Alert, now: datetime) -> None:
    if alert.tries >= len(WAITS):
        log.warning("No one could be notified of an alert", extra={"alert_id": str(alert.pk)})
        Alert.objects.filter(pk=alert.pk).update(telling=False)
        return
    later = now + timedelta(seconds=WAITS[alert.tries])
    Alert.objects.filter(pk=alert.pk).update(tries=alert.tries + 1, next_at=later)
