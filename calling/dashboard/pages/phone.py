"""`/phone`: the browser phone. It knows nothing of its user; the token is in the fragment."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

WORKER: Final = Path(__file__).parents[1] / "static" / "phone" / "push_worker.js"


@require_safe
def phone(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/phone.html")


@require_safe
def push_worker(request: HttpRequest) -> HttpResponse:
    """The service worker, beside `/phone`: a browser lets it serve only what is below its own folder."""
    return HttpResponse(WORKER.read_bytes(), content_type="text/javascript; charset=utf-8")
