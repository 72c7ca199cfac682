"""The list of a project's SWML scripts, with the addresses that run them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from calling.dashboard.access import Staff, page
from subscribers.models import Address, Script

MOST = 500


@page()
def scripts(request: HttpRequest, staff: Staff) -> HttpResponse:
    rows = list(Script.objects.filter(project=staff.project).order_by("name")[:MOST])
    addresses = Address.objects.filter(project=staff.project, resource_id__in=[row.pk for row in rows])
    text = {each.resource_id: each.text for each in addresses}
    for row in rows:
        row.dialled = text.get(row.pk, "")  # type: ignore[attr-defined]
    return render(request, "dashboard/scripts.html", {"rows": rows})
