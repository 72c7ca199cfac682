"""`/phone`: the browser phone. It knows nothing of its user; the token is in the fragment."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def phone(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/phone.html")
