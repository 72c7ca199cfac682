"""The page of alerts. The checks are those of the API."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_noop

from calling.api import alerts as api
from calling.api.balance import balance_payload
from calling.commands.params import Params
from calling.dashboard.access import Staff, as_uuid, ask, page, record
from calling.models.alert import Alert

KINDS = (
    (Alert.Kind.WEBHOOK_FAILING, gettext_noop("A webhook has been failing for a minute, or was disabled")),
    (Alert.Kind.WORKER_LOST, gettext_noop("Calls ended because their media worker was lost")),
    (Alert.Kind.QUALITY, gettext_noop("A call sounded bad (MOS below the threshold)")),
    (Alert.Kind.BALANCE, gettext_noop("The balance is at or below the threshold")),
)


@page()
def alerts(request: HttpRequest, staff: Staff) -> HttpResponse:
    rows = list(Alert.objects.filter(project=staff.project).order_by("-created_at"))
    words, currency = dict(KINDS), currency_of(staff)
    for row in rows:
        row.words = words.get(Alert.Kind(row.kind), row.kind)  # type: ignore[attr-defined]
        row.limit = limit(row, currency)  # type: ignore[attr-defined]
    return render(request, "dashboard/alerts.html", {"rows": rows, "kinds": KINDS})


def currency_of(staff: Staff) -> str:
    return str(balance_payload(staff.project)["currency"])


def limit(row: Alert, currency: str) -> str:
    """The threshold with its unit; empty where the kind has none."""
    if row.threshold is None:
        return ""
    unit = {Alert.Kind.QUALITY: "MOS {}", Alert.Kind.BALANCE: "{} " + currency}.get(
        Alert.Kind(row.kind), "{}"
    )
    return unit.format(f"{row.threshold.normalize():f}")


@page("owner", "POST")
def create(request: HttpRequest, staff: Staff) -> HttpResponse:
    names = ("kind", "to", "threshold")
    given = {name: text for name in names if (text := request.POST.get(name, "").strip())}
    row = api.add_alert(staff.project.pk, Params(given, strict=True))
    record(request, staff, "alert.create", row.pk, kind=row.kind, to=row.to)
    messages.success(request, gettext("{to} will be told.").format(to=row.to))
    return redirect("dashboard:alerts")


@page("owner", "GET", "POST")
def delete(request: HttpRequest, staff: Staff, alert_id: str) -> HttpResponse:
    row = get_object_or_404(Alert, pk=as_uuid(alert_id), project=staff.project)
    if request.method == "GET":
        effect = gettext("{to} is no longer told.").format(to=row.to)
        return ask(request, gettext("Delete this alert?"), effect, gettext("Delete"))
    row.delete()
    record(request, staff, "alert.delete", alert_id, kind=row.kind, to=row.to)
    messages.success(request, gettext("The alert was deleted."))
    return redirect("dashboard:alerts")
