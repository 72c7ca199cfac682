"""What the browser is told to refuse on the pages people look at: `/dashboard` and `/phone`.

Nothing inline, nothing from elsewhere, no frame. A string that slipped through escaping would still
not run (R29).
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PAGES = ("/dashboard", "/phone")
CONTENT = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PERMISSIONS = "camera=(self), microphone=(self), speaker-selection=(self), geolocation=(), display-capture=()"


class PagePolicy:
    """Middleware that adds the headers to those pages alone; the API has no document to guard."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(PAGES):
            response["Content-Security-Policy"] = CONTENT
            response["Permissions-Policy"] = PERMISSIONS
            response["Referrer-Policy"] = "same-origin"
            response["Cache-Control"] = "no-store"
        return response
