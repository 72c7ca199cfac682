"""CORS for browser clients: pages on any origin may call the API with a Bearer token.

No cookie counts under /api/, so any origin is safe; errors carry the headers too, or the page could not
read them. `*` would not cover Authorization, so the origin is echoed.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = "authorization, content-type, idempotency-key"
EXPOSED = "Location, Retry-After, Idempotent-Replayed, WWW-Authenticate"


class CorsMiddleware:
    """First of all middleware, so that every answer passes it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = request.headers.get("Origin")
        if origin is None or not request.path.startswith("/api/"):
            return self.get_response(request)
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = HttpResponse(status=204) if preflight else self.get_response(request)
        response["Access-Control-Allow-Origin"] = origin
        patch_vary_headers(response, ["Origin"])
        if preflight:
            response["Access-Control-Allow-Methods"] = METHODS
            response["Access-Control-Allow-Headers"] = HEADERS
            response["Access-Control-Max-Age"] = "600"
            if "Access-Control-Request-Private-Network" in request.headers:
                response["Access-Control-Allow-Private-Network"] = "true"
        else:
            response["Access-Control-Expose-Headers"] = EXPOSED
        return response
