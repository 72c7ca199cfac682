"""The platform's own health: media workers, database, Redis, the doctor; the audit log of staff actions."""

from __future__ import annotations

from datetime import timedelta
from threading import Lock

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.utils.translation import gettext

import clock
from calling import models
from calling.calls import event_log
from calling.dashboard.access import Staff, page
from calling.dashboard.audit_words import actions_like, is_id
from calling.dashboard.pagination import listing
from calling.dashboard.parties import described
from calling.runtime import nudge
from calling.webhooks import counts

SIGN_INS = ("login", "login.failed", "logout")
STALE = timedelta(seconds=5)
FORGOTTEN = timedelta(minutes=10)
# An examination asks sockets for some seconds; a second at once would tell nothing new.
_ONE_AT_A_TIME = Lock()


@page()
def health(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Workers are shared by all projects; what of them is shown tells nothing of other projects' calls."""
    now = clock.now()
    workers = list(
        models.MediaWorker.objects.filter(heartbeat_at__gt=now - FORGOTTEN)
        .annotate(carried=Count("sessions", filter=~Q(sessions__state="ended")))
        .order_by("name")
    )
    for worker in workers:
        worker.silent = (now - worker.heartbeat_at).total_seconds()  # type: ignore[attr-defined]
        worker.alive = now - worker.heartbeat_at < STALE  # type: ignore[attr-defined]
    with connection.cursor() as cursor:
        cursor.execute("show server_version")
        (version,) = cursor.fetchone()
    mine = models.Delivery.objects.filter(endpoint__project=staff.project)
    context = {
        "workers": workers,
        "version": version,
        "redis": nudge.available(),
        "waiting": event_log.waiting().filter(project=staff.project).count(),
        "pending": counts.counted(mine.filter(state="pending")),
        "parked": counts.counted(mine.filter(state="parked")),
        "live": models.Call.objects.filter(project=staff.project).exclude(state="ended").count(),
    }
    part = "dashboard/health_part.html" if "part" in request.GET else "dashboard/health.html"
    return render(request, part, context)


@page()
def examination(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What `manage.py doctor` prints. For superusers: it tells of the whole installation."""
    if not staff.user.is_superuser:
        raise PermissionDenied(
            gettext("Diagnostics cover the whole installation: only superusers may see them.")
        )
    if not _ONE_AT_A_TIME.acquire(timeout=20):
        raise PermissionDenied(gettext("Diagnostics are already running; try again in a few seconds."))
    try:
        findings = list(import_string(settings.CALLWRIGHT_EXAMINATION)())
    finally:
        _ONE_AT_A_TIME.release()
    return render(request, "dashboard/examination.html", {"findings": findings})


@page()
def audit(request: HttpRequest, staff: Staff) -> HttpResponse:
    # Superusers sign in to the platform and not to a project: their sign-ins are for each other to see.
    where = Q(project=staff.project)
    if staff.user.is_superuser:
        where |= Q(project=None, action__in=SIGN_INS)
    rows = models.StaffAction.objects.filter(where)
    if text := request.GET.get("q", "").strip().replace("\0", "")[:200]:
        told = Q(action__icontains=text) | Q(action__in=actions_like(text))
        rows = rows.filter(Q(name__icontains=text) | Q(subject__icontains=text) | told)
    shown = listing(request, rows)
    name_calls(staff, shown.rows)
    return render(request, "dashboard/audit.html", {"page": shown, "given": request.GET})


def name_calls(staff: Staff, rows: list[models.StaffAction]) -> None:
    """Who spoke with whom, as `about`, for lines that are about a call which is still kept."""
    ids = {row.subject for row in rows if row.action.startswith("call.") and is_id(row.subject)}
    calls = described(models.Call.objects.filter(project=staff.project, pk__in=ids))
    names = {str(call.pk): f"{call.from_shown} → {call.to_shown}" for call in calls}  # type: ignore[attr-defined]
    for row in rows:
        row.about = names.get(row.subject, "")  # type: ignore[attr-defined]
