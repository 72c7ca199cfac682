"""`/phone`: the browser phone. It knows nothing of its user; the token is in the fragment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from calling.dashboard.language import script_words

WORKER: Final = Path(__file__).parents[1] / "static" / "phone" / "push_worker.js"


@require_safe
def phone(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/phone.html")


@require_safe
def push_worker(request: HttpRequest) -> HttpResponse:
    """The service worker and its words, beside `/phone`: it may serve only what is below its folder."""
    words = json.dumps(script_words("phone", get_language() or ""), ensure_ascii=True)
    text = f"self.words = {words};\n".encode() + WORKER.read_bytes()
    return HttpResponse(text, content_type="text/javascript; charset=utf-8")
