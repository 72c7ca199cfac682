"""The errors of every REST surface, in one shape, and the handlers that make them.

The shape is that of docs/contract.md#errors.

Lives here: the exception family, DRF's exception handler, Django's 400/403/404/500 handlers. Sockets use
the same exceptions: `code`, `message` and `attribute` are what an `error` frame carries.

* ApiError
  * BadRequest 400 · Unauthorized 401 · PaymentRequired 402 · Forbidden 403 · NotFound 404 · Conflict 409
  * Gone 410 · TooLarge 413 · UnsupportedMedia 415 · Unprocessable 422 · TooManyRequests 429 · Unavailable 503
"""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language, gettext
from rest_framework import exceptions as drf
from rest_framework.response import Response

from rest import links, request_ids

log = logging.getLogger(__name__)

CHALLENGE = 'Basic realm="callwright", charset="UTF-8"'


@dataclass(frozen=True)
class Problem:
    """One entry of `errors`. `attribute` names the request field that is wrong, else None."""

    type: str
    code: str
    message: str
    attribute: str | None = None

    def payload(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "attribute": self.attribute,
            "url": links.absolute(f"/api/docs#error-{self.code}"),
            "request_id": request_ids.current(),
        }


class ApiError(Exception):
    """An error answer. Subclasses set `status`, `type` and the default message."""

    status = 500
    type = "internal_error"
    code = "internal_error"
    words = "Something went wrong here."
    headers: Mapping[str, str]

    def __init__(self, code: str = "", message: str = "", attribute: str | None = None) -> None:
        self.code = code or type(self).code
        self.message = message or type(self).words
        self.attribute = attribute
        self.headers = {}
        self.problems: tuple[Problem, ...] = (Problem(type(self).type, self.code, self.message, attribute),)
        super().__init__(self.message)


class BadRequest(ApiError):
    status, type, code, words = 400, "invalid_request", "bad_request", "The request cannot be understood."


class Unauthorized(ApiError):
    status, type, code = 401, "authentication_error", "unauthorized"
    words = "Give a project's id and API token (Basic) or a token (Bearer)."

    def __init__(self, code: str = "", message: str = "", attribute: str | None = None) -> None:
        super().__init__(code, message, attribute)
        self.headers = {"WWW-Authenticate": CHALLENGE}


class PaymentRequired(ApiError):
    status, type, code = 402, "payment_required", "insufficient_balance"
    words = "The project's balance does not cover this."


class Forbidden(ApiError):
    status, type, code, words = 403, "permission_error", "not_permitted", "These credentials may not do this."


class NotFound(ApiError):
    status, type, code, words = 404, "not_found", "not_found", "There is no such thing here."

    def __init__(self, message: str = "", code: str = "", attribute: str | None = None) -> None:
        super().__init__(code, message, attribute)


class MethodNotAllowed(ApiError):
    status, type, code, words = (
        405,
        "invalid_request",
        "method_not_allowed",
        "This path does not support this method.",
    )


class Conflict(ApiError):
    status, type, code, words = 409, "conflict", "not_allowed", "Not possible in the present state."


class Gone(ApiError):
    status, type, code, words = 410, "gone", "gone", "The requested data is no longer kept."


class TooLarge(ApiError):
    status, type, code = 413, "invalid_request", "body_too_large"
    words = "The body is larger than 256 kB."


class UnsupportedMedia(ApiError):
    status, type, code = 415, "invalid_request", "unsupported_media_type"
    words = "Send application/json."


class Unprocessable(ApiError):
    status, type, code, words = 422, "validation_error", "invalid_parameter", "A field has a wrong value."


class Invalid(Unprocessable):
    """422 with several problems at once, each about one field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.code, first.message, first.attribute)
        self.problems = tuple(problems)


class TooManyRequests(ApiError):
    """429; `retry_after` in seconds, rounded up to at least 1."""

    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"
    words = "Too many requests; slow down."

    def __init__(self, retry_after: float = 1, code: str = "", message: str = "") -> None:
        super().__init__(code, message)
        self.headers = {"Retry-After": str(_whole_seconds(retry_after))}


OVERTAKEN: Final = (
    "23503",  # foreign_key_violation
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
)


class Unavailable(ApiError):
    """503; `retry_after` in seconds, rounded up to at least 1."""

    status, type, code = 503, "unavailable", "unavailable"
    words = "A service that the request needs is unavailable; try again later."

    def __init__(self, message: str = "", retry_after: float = 1, code: str = "") -> None:
        super().__init__(code, message)
        self.headers = {"Retry-After": str(_whole_seconds(retry_after))}


def _whole_seconds(seconds: float) -> int:
    return max(1, math.ceil(seconds))


def field(attribute: str, message: str, code: str = "invalid_parameter") -> Problem:
    """A validation problem about one field of the body or the query."""
    return Problem("validation_error", code, message, attribute)


_translations: list[tuple[type[Exception], Callable[[Any], ApiError]]] = []


def translate(kind: type[Exception], into: Callable[[Any], ApiError]) -> None:
    """Lets a higher layer say what its own exception is over REST (called once, when its app is ready)."""
    _translations.append((kind, into))


def as_api_error(error: Exception) -> ApiError | None:
    """The error of an exception; None if it is a fault of the server."""
    if isinstance(error, ApiError):
        return error
    for kind, into in _translations:
        if isinstance(error, kind):
            return into(error)
    if isinstance(error, drf.APIException):
        return _from_drf(error)
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, ObjectDoesNotExist):  # removed while the request was at work with it
        log.warning("An object of the request was deleted meanwhile", exc_info=error)
        return NotFound()
    if isinstance(error, PermissionDenied):
        return Forbidden()
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    if isinstance(error, RecursionError | DataError):  # something of the request was not judged before
        log.error("A request contained a value that no check had refused", exc_info=error)
        return BadRequest()
    if isinstance(error, SuspiciousOperation):
        return BadRequest()
    if is_overtaken(error):
        return Unavailable("Another request changed the same things; try again.")
    if isinstance(error, OperationalError | InterfaceError | redis.ConnectionError | redis.TimeoutError):
        return Unavailable(retry_after=2)
    if isinstance(error, redis.exceptions.ReadOnlyError | redis.exceptions.OutOfMemoryError):
        return Unavailable(retry_after=2)
    return None


def is_read_only(error: Exception) -> bool:
    """Whether PostgreSQL takes no writes: it is a standby, or somebody has closed it for them."""
    return isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", None) == "25006"


def is_overtaken(error: Exception) -> bool:
    """Whether PostgreSQL undid a transaction because of another one: something it refers to was removed, what
    it removes is referred to, or each waited for the other."""
    known = isinstance(error, IntegrityError | OperationalError)
    return known and getattr(error.__cause__, "sqlstate", None) in OVERTAKEN


def _from_drf(error: drf.APIException) -> ApiError:
    if isinstance(error, drf.ValidationError):
        return from_validation(error)
    if isinstance(error, drf.Throttled):
        return TooManyRequests(getattr(error, "wait", None) or 1)
    if isinstance(error, drf.ParseError):
        return BadRequest("invalid_json", str(error.detail))
    simple: tuple[tuple[type[drf.APIException], type[ApiError]], ...] = (
        (drf.NotAuthenticated, Unauthorized),
        (drf.AuthenticationFailed, Unauthorized),
        (drf.PermissionDenied, Forbidden),
        (drf.NotFound, NotFound),
        (drf.MethodNotAllowed, MethodNotAllowed),
        (drf.UnsupportedMediaType, UnsupportedMedia),
    )
    return next((made() for kind, made in simple if isinstance(error, kind)), BadRequest())


def from_validation(error: drf.ValidationError) -> Invalid:
    """The errors of a serializer, one problem per message."""
    return Invalid(list(_flatten(error.get_full_details())) or [field("", Unprocessable.words)])


_CODES = {"required": "missing_required_parameter"}


def _flatten(details: object, path: str = "") -> list[Problem]:
    """DRF's nested error details as one problem per message, `attribute` a dotted path."""
    if isinstance(details, dict) and isinstance(details.get("message"), str) and "code" in details:
        code = _CODES.get(details["code"], details["code"])
        code = code if code in _OWN_CODES else "invalid_parameter"
        return [field(path, str(details["message"]), code)]
    if isinstance(details, dict):
        return [
            problem
            for key, value in details.items()
            for problem in _flatten(value, path if key == "non_field_errors" else f"{path}.{key}".lstrip("."))
        ]
    found = details if isinstance(details, list) else []
    return [problem for value in found for problem in _flatten(value, path)]


_OWN_CODES = {
    "missing_required_parameter",
    "invalid_parameter",
    "already_taken",
    "unrecognized_fabric_addresses",
    "must_belong_to_project",
    "allowed_address_limit_exceeded",
    "not_e164",
    "url_is_unsafe",
    "not_an_http_url",
    "invalid_script",
    "invalid_codecs_format",
}


def body(error: ApiError) -> dict[str, Any]:
    """The JSON of an error answer."""
    return {"errors": [problem.payload() for problem in error.problems]}


def restamped(kept: bytes) -> bytes:
    """The JSON of an error answer that is sent again, with the id of the current request."""
    found = json.loads(kept)
    for problem in found["errors"]:
        problem["request_id"] = request_ids.current()
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER: every exception of a view as an error of docs/contract.md#errors."""
    found = as_api_error(error)
    if found is None:
        log.error("A view failed", exc_info=error)
        found = ApiError()
    return Response(body(found), status=found.status, headers=dict(found.headers))


def answer(error: ApiError) -> JsonResponse:
    """The same for middleware and plain Django views."""
    return JsonResponse(body(error), status=error.status, headers=dict(error.headers))


def page(request: HttpRequest, error: ApiError) -> HttpResponse:
    """JSON for programs; a short page for a person who mistyped a dashboard address."""
    wants_html = "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/")
    if not wants_html:
        return answer(error)
    # In the language of the page that was asked for; elsewhere that is English.
    words = f"{error.status}: {gettext(error.message)}"
    return HttpResponse(
        f'<!doctype html><html lang="{get_language()}"><title>{error.status}</title><p>{words}</p>',
        status=error.status,
        headers=dict(error.headers),
    )


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    found = as_api_error(exception)
    return page(request, found if found is not None and found.status < 500 else BadRequest())


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, Forbidden())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: one of our forms, sent from another site or by a program."""
    words = "This form has expired or came from another site: load the page again."
    return page(request, Forbidden(message=words))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, NotFound())


def handler500(request: HttpRequest) -> HttpResponse:
    """Django calls this while the exception is handled: an unavailable service is 503, not our fault."""
    error = sys.exception()
    found = as_api_error(error) if isinstance(error, Exception) else None
    return page(request, found if found is not None and found.status == 503 else ApiError())
