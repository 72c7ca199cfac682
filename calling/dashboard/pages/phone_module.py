"""callwright.js under the address of its version, which browsers may keep for ever.

docs/browser-phone.md#callwrightjs. The module and what it imports stand in one folder of that version, so
that a page never mixes two.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

FILES: Final = ("callwright.js", "callwright/call.js", "callwright/emitter.js", "callwright/tabs.js")
STATIC: Final = Path(__file__).resolve().parents[1] / "static"
FOR_EVER: Final = "public, max-age=31536000, immutable"


@require_safe
def module(request: HttpRequest, version: str, name: str) -> HttpResponse:
    """404 for any other version: what it would be given now is not what it was."""
    if version != settings.SPECTACULAR_SETTINGS["VERSION"] or name not in FILES:
        raise Http404
    response = HttpResponse(content(name), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = FOR_EVER
    response["Access-Control-Allow-Origin"] = "*"  # as of /static/: pages of other hosts import it
    return response


@cache
def content(name: str) -> bytes:
    return (STATIC / name).read_bytes()
