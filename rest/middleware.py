"""Headers of every answer: the request's id, the rate limit, CORS for browser clients.

Pages on any origin may call the API with a Bearer token. No cookie counts under /api/, so any origin is safe;
errors carry the headers too, or the page could not read them. `*` would not cover Authorization, so the
origin is echoed.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from rest import errors, rate_headers, request_ids

ROOTS = ("/api/", "/subscriber/")  # the second is asked by version 3 of SignalWire's SDK
METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = "authorization, content-type, idempotency-key, x-request-id"
EXPOSED = (
    "Location, Retry-After, Idempotent-Replayed, WWW-Authenticate, X-Request-Id, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)


class AnswerHeaders:
    """First of all middleware, so that every answer passes it: `X-Request-Id`, and `RateLimit-*` where a rate
    was taken."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_ids.chosen(request.headers.get(request_ids.HEADER))
        with request_ids.of(request_id), rate_headers.collected() as met:
            response = in_our_shape(request, self.get_response(request))
        response[request_ids.HEADER] = request_id
        quota = rate_headers.tightest(met)
        for name, value in quota.headers().items() if quota is not None else ():
            response[name] = value
        return response


def in_our_shape(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """What serves files and pages refuses a method in words of its own: it is told as every other error."""
    if response.status_code != 405 or response.get("Content-Type", "").startswith("application/json"):
        return response
    refused = errors.page(request, errors.MethodNotAllowed())
    if "Allow" in response:
        refused["Allow"] = response["Allow"]
    return refused


class CorsMiddleware:
    """Runs outside everything that answers, so that errors have its headers too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = request.headers.get("Origin")
        if origin is None or not request.path.startswith(ROOTS):
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


class SecureCookies:
    """Runs outside everything that sets cookies."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response
