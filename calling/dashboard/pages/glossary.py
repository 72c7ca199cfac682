"""The page that explains the words of the staff pages; the words are in `calling.dashboard.glossary`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from calling.dashboard.access import Staff, page
from calling.dashboard.glossary import GROUPS


@page()
def glossary(request: HttpRequest, staff: Staff) -> HttpResponse:
    return render(request, "dashboard/glossary.html", {"groups": GROUPS})
