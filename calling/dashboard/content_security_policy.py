"""What the browser is told to refuse on every page, and what nobody may keep.

Nothing inline, nothing from elsewhere, no frame: a string that slipped through escaping would still not run.
The admin and the API's reference come from packages and need a little more; no page takes a script that is
written into it.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PAGES = ("/dashboard", "/phone")


def content(script: str = "'self'", style: str = "'self'", font: str = "'none'") -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {script}",
            f"style-src {style}",
            f"font-src {font}",
            "img-src 'self' data:",
            "media-src 'self' blob:",
            "manifest-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


CONTENT = content()
# Unfold's Alpine evaluates the expressions in its attributes; its colours are a style element.
ADMIN = content("'self' 'unsafe-eval'", "'self' 'unsafe-inline'", "'self'")
# Swagger UI writes style attributes.
REFERENCE = content(style="'self' 'unsafe-inline'", font="'self' data:")
PERMISSIONS = (
    "camera=(self), microphone=(self), speaker-selection=(self), geolocation=(), display-capture=(self)"
)


def policy_of(path: str) -> str:
    if path.startswith("/admin"):
        return ADMIN
    return REFERENCE if path.startswith("/api/docs") else CONTENT


class PagePolicy:
    """Middleware that adds these headers: the policy to every page, `no-store` to whatever says nothing else
    (answers hold tokens, signed links, recordings)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html") or request.path.startswith(PAGES):
            response["Content-Security-Policy"] = policy_of(request.path)
            response["Permissions-Policy"] = PERMISSIONS
            response["Referrer-Policy"] = "same-origin"
            response["Cache-Control"] = "no-store"
        response.headers.setdefault("Cache-Control", "no-store")
        return response
