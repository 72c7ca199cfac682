"""Who asks: credentials to Subject, for REST (DRF classes) and sockets (the two functions)."""

from __future__ import annotations

import base64
import binascii
import hmac
import threading
import time
from uuid import UUID

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from subscribers import row_security
from subscribers.http import problems
from tokens.claims import BadClaims, holder_of
from tokens.issue import digest
from tokens.models import ApiToken
from tokens.revocation import is_revoked
from tokens.signing import InvalidToken, verify
from tokens.subjects import ApiKey, Subject, TokenHolder

__all__ = [
    "BasicProject",
    "BearerToken",
    "InvalidToken",
    "caller_of",
    "subject_from_basic",
    "subject_from_token",
]

KEY_LOOK_SECONDS = 1.0
_MOST_KEPT = 10_000
_lock = threading.Lock()
_keys: dict[tuple[UUID, str], float] = {}


def subject_from_token(text: object) -> TokenHolder:
    """The holder of a SAT; raises InvalidToken (malformed, forged, expired, revoked)."""
    try:
        holder = holder_of(verify(text, "SAT"))
    except BadClaims:
        raise InvalidToken from None
    if is_revoked(holder):
        raise InvalidToken("token_revoked", "The token was revoked.")
    return holder


def subject_from_basic(project_id: object, api_token: object) -> ApiKey:
    """The project's key; raises InvalidToken. A good answer is remembered for a second."""
    refused = InvalidToken("unauthorized", "The project id or the API token is wrong.")
    if not isinstance(project_id, str) or not isinstance(api_token, str) or len(api_token) > 512:
        raise refused
    try:
        project = UUID(project_id)
    except ValueError:
        raise refused from None
    key = (project, digest(api_token))
    if not _remembered(key) and not _known(key):
        raise refused
    return ApiKey(project)


def forget_keys() -> None:
    """Drops remembered API tokens, so that the next question goes to the database."""
    with _lock:
        _keys.clear()


def _remembered(key: tuple[UUID, str]) -> bool:
    with _lock:
        return time.monotonic() - _keys.get(key, float("-inf")) < KEY_LOOK_SECONDS


def _known(key: tuple[UUID, str]) -> bool:
    project, wanted = key
    digests = ApiToken.objects.filter(project_id=project, revoked_at=None).values_list("digest", flat=True)
    # Every digest is compared, in constant time each, so that timing tells nothing about their content.
    found = sum([hmac.compare_digest(kept, wanted) for kept in digests]) > 0
    if found:
        with _lock:
            if len(_keys) >= _MOST_KEPT:
                _keys.clear()
            _keys[key] = time.monotonic()
    return found


class Principal:
    """DRF's `request.user`: authenticated, and nothing more; the Subject is `request.auth`."""

    is_authenticated = True
    is_anonymous = False
    pk = None


class BasicProject(BaseAuthentication):
    """HTTP Basic `project_id:api_token` (RFC 7617)."""

    def authenticate(self, request: Request) -> tuple[Principal, Subject] | None:
        scheme, value = _authorization(request)
        if scheme != "basic":
            return None
        return _fenced(_or_unauthorized(_basic, value))

    def authenticate_header(self, request: Request) -> str:
        return problems.CHALLENGE


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer <SAT>` (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[Principal, Subject] | None:
        scheme, value = _authorization(request)
        if scheme != "bearer":
            return None
        return _fenced(_or_unauthorized(subject_from_token, value))

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(request: HttpRequest) -> str | None:
    """A stable name of whoever sends this request, None where the credentials are missing or wrong."""
    scheme, value = _authorization(request)
    try:
        subject = _basic(value) if scheme == "basic" else subject_from_token(value)
    except InvalidToken:
        return None
    return name_of(subject)


def name_of(subject: Subject) -> str:
    """One name per project key, subscriber, or guest token: what limits and stored answers go by."""
    if isinstance(subject, ApiKey):
        return f"project:{subject.project_id}"
    return f"holder:{subject.project_id}:{subject.subscriber_id or subject.address}"


def _fenced(subject: Subject) -> tuple[Principal, Subject]:
    row_security.enter(subject.project_id)
    return Principal(), subject


def _authorization(request: Request | HttpRequest) -> tuple[str, str]:
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower(), value.strip()


def _basic(value: str) -> ApiKey:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (ValueError, binascii.Error):
        raise InvalidToken("unauthorized", "The Authorization header cannot be read.") from None
    project_id, _, api_token = text.partition(":")
    return subject_from_basic(project_id, api_token)


def _or_unauthorized(check, value: str) -> Subject:  # type: ignore[no-untyped-def]
    try:
        subject: Subject = check(value)
    except InvalidToken as refused:
        raise problems.Unauthorized(refused.code, refused.message) from refused
    return subject
