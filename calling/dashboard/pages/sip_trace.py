"""The SIP messages of a call, as a page, as text and as a capture file; and the switch of a project's traces.

Every look is in the audit log. What is stored has no secrets left in it (calling.sip.edge.trace_secrets).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

import clock
from calling import models
from calling.dashboard.access import Staff, as_uuid, ask, page, record
from calling.dashboard.pages.call import shown_name
from calling.dashboard.parties import described
from calling.dashboard.sip_ladder import Row, rungs
from calling.sip.edge.trace_rows import PER_PROJECT
from calling.sip.stack.capture_file import Captured, pcapng

PER_PAGE = 40
READ = 200  # rows at a time
# For how long a project's calls are traced: never without an end.
PERIODS: dict[str, tuple[str, timedelta]] = {
    "hour": (gettext_noop("1 hour"), timedelta(hours=1)),
    "day": (gettext_noop("1 day"), timedelta(days=1)),
    "week": (gettext_noop("1 week"), timedelta(days=7)),
    "month": (gettext_noop("30 days"), timedelta(days=30)),
}


def call_of(staff: Staff, call_id: str) -> models.Call:
    row: models.Call = get_object_or_404(models.Call, pk=as_uuid(call_id), project=staff.project)
    described([row])
    return row


def legs_of(row: models.Call) -> list[models.Leg]:
    legs = list(row.legs.order_by("position"))
    for leg in legs:
        leg.shown = shown_name(row, leg)  # type: ignore[attr-defined]
    return legs


@page("operator")
def trace(request: HttpRequest, staff: Staff, call_id: str) -> HttpResponse:
    row = call_of(staff, call_id)
    legs = legs_of(row)
    rows = models.SipMessage.objects.filter(call_id=row.pk, project=staff.project).order_by("at", "id")
    text = request.GET.get("from", "0")
    first = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    found = list(rows[first : first + PER_PAGE + 1])
    record(request, staff, "call.sip_trace", row.pk, **({"from": first} if first else {}))
    context = {
        "call": row,
        "legs": legs,
        "rows": rungs(row, legs, found[:PER_PAGE]),
        "first": first,
        "more": urlencode({"from": first + PER_PAGE}) if len(found) > PER_PAGE else "",
        "count": rows.count(),
    }
    return render(request, "dashboard/sip_trace.html", context)


@page("operator")
def download(request: HttpRequest, staff: Staff, call_id: str, form: str) -> HttpResponse:
    """The trace as `.pcapng`, or as `.txt`."""
    writers = {"pcapng": (capture, "application/x-pcapng"), "txt": (text, "text/plain; charset=utf-8")}
    if form not in writers:
        raise Http404
    row = call_of(staff, call_id)
    rows = models.SipMessage.objects.filter(call_id=row.pk, project=staff.project).order_by("at", "id")
    if not rows.exists():
        raise Http404
    writer, kind = writers[form]
    record(request, staff, "call.sip_trace", row.pk, downloaded=form)
    legs = legs_of(row)
    answer = StreamingHttpResponse(writer(rungs(row, legs, rows.iterator(READ))), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{row.pk}.{form}"'
    return answer  # type: ignore[return-value]


def capture(rows: Iterator[Row]) -> Iterator[bytes]:
    return pcapng(map(captured, rows), "Callwright")


def captured(row: Row) -> Captured:
    message = row.message
    ours = (message.local_host, message.local_port)
    theirs = (message.remote_host, message.remote_port)
    source, target = (ours, theirs) if message.outgoing else (theirs, ours)
    at = round(message.at.timestamp() * 1_000_000)
    return Captured(at, source, target, bytes(message.data), message.size, f"{message.transport}, {row.role}")


def text(rows: Iterator[Row]) -> Iterator[bytes]:
    for row in rows:
        at = row.message.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        cut = f", {row.kept} of {row.message.size} bytes" if row.cut else ""
        yield f"---- {at} {row.way} ({row.role}{cut})\n{row.text}\n".encode()


@page("owner", "POST")
def set_tracing(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Trace the project's calls from now on, for a while, or no longer."""
    chosen = "" if "stop" in request.POST else request.POST.get("for", "hour")
    if chosen and chosen not in PERIODS:
        raise Http404
    with transaction.atomic():
        now = clock.now()
        until = now + PERIODS[chosen][1] if chosen else now
        models.SipTracing.objects.update_or_create(project=staff.project, defaults={"until": until})
        record(request, staff, "sip_trace.set", staff.project.pk, period=chosen or "off")
    messages.success(request, _("Saved."))
    return redirect("dashboard:project")


@page("owner", "GET", "POST")
def forget(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Delete every trace of the project."""
    if request.method == "GET":
        effect = _("The SIP messages of all calls of this project are deleted. The calls stay.")
        return ask(request, _("Delete all SIP traces?"), effect, _("Delete"))
    with transaction.atomic():
        done, _kinds = models.SipMessage.objects.filter(project=staff.project).delete()
        models.SipTracing.objects.filter(project=staff.project).update(bytes=0)
        record(request, staff, "sip_trace.delete", staff.project.pk, messages=done)
    messages.success(request, _("Deleted."))
    return redirect("dashboard:project")


def state_of(staff: Staff) -> dict[str, object]:
    """What the page of the project says of its traces."""
    row = models.SipTracing.objects.filter(project=staff.project).first()
    running = row is not None and row.until > clock.now()
    return {
        "until": row.until if row is not None and running else None,
        "bytes": row.bytes if row is not None else 0,
        "full": row is not None and row.bytes >= PER_PROJECT,
        "most": PER_PROJECT,
        "periods": [(name, words) for name, (words, _length) in PERIODS.items()],
    }
