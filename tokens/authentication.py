"""Authentication: from credentials to a Subject, for REST (DRF classes) and sockets (two functions)."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import OperationalError
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

import clock
from rest import errors
from subscribers import row_security
from tokens import key_scopes, rate_limits
from tokens.claims import BadClaims, holder_of
from tokens.issue import digest
from tokens.models import ApiToken
from tokens.revocation import is_revoked
from tokens.signing import InvalidToken, verify
from tokens.subjects import ApiKey, Subject, TokenHolder, name_of

KEY_LOOK_SECONDS = 1.0
# Wrong API tokens from one address: a second's rate and burst.
WRONG_RATE, WRONG_BURST = 1.0, 60.0
_MOST_KEPT = 10_000
_lock = threading.Lock()
_keys: dict[tuple[UUID, str], tuple[float, frozenset[str]]] = {}
USED_SECONDS = 60  # how exactly `last_used_at` is kept


def subject_from_token(text: object) -> TokenHolder:
    """The holder of a SAT; raises InvalidToken (malformed, forged, expired, revoked)."""
    try:
        holder = holder_of(verify(text, "SAT"))
    except BadClaims:
        raise InvalidToken from None
    if is_revoked(holder):
        raise InvalidToken("token_revoked", "The token was revoked.")
    return holder


def subject_from_basic(project_id: object, api_token: object, source: str | None = None) -> ApiKey:
    """The project's key; raises InvalidToken. A good answer is remembered for a second.

    `source`: the address that asks. Too many wrong ones from there are refused unseen (TooManyRequests, 429);
    a key that was good before is always looked at, so nobody is locked out by a neighbour.
    """
    refused = InvalidToken("unauthorized", "The project id or the API token is wrong.")
    if not isinstance(project_id, str) or not isinstance(api_token, str) or len(api_token) > 512:
        raise refused
    try:
        project = UUID(project_id)
    except ValueError:
        raise refused from None
    key = (project, digest(api_token))
    scopes = _remembered(key)
    if scopes is None:
        with counted_failure(None if key in _keys else source, refused):
            scopes = _known(key)
            if scopes is None:
                raise refused
    return ApiKey(project, scopes)


def key_of(request: Request) -> ApiKey:
    """The API key of the request; 403 for a token, which may never do this (docs/contract.md#token-rest)."""
    if not isinstance(request.auth, ApiKey):
        raise errors.Forbidden
    return request.auth


def permit(subject: Subject, wanted: str) -> None:
    """Raises 403 `insufficient_scope` for an API key without that scope; tokens have rules of their own."""
    if isinstance(subject, ApiKey) and not key_scopes.allows(subject.scopes, wanted):
        raise errors.Forbidden("insufficient_scope", f"This API key does not have the scope {wanted}.")


@contextlib.contextmanager
def counted_failure(source: str | None, refused: Exception) -> Iterator[None]:
    """Counts a try from that address before it is looked at, and no longer where the block goes well.

    Raises TooManyRequests (429) instead of entering the block. `refused`: what counts as a failure; any
    other exception says nothing about the credentials.
    """
    bucket = _failures(source) if source is not None else None
    if bucket is not None:
        wait = rate_limits.take(bucket, WRONG_RATE, WRONG_BURST)
        if wait is not None:
            tell_failures(source)
            message = "Too many wrong credentials came from this address."
            raise errors.TooManyRequests(wait, message=message)
    try:
        yield
    except BaseException as error:
        if bucket is not None and error is not refused:
            rate_limits.put_back(bucket, WRONG_RATE, WRONG_BURST)
        raise
    if bucket is not None:
        rate_limits.put_back(bucket, WRONG_RATE, WRONG_BURST)


def tell_failures(source: str | None) -> None:
    """A refusal says how many more that address may get before it is told to wait."""
    if source is not None:
        rate_limits.tell(_failures(source), WRONG_RATE, WRONG_BURST)


def _failures(source: str) -> str:
    return f"wrong:{rate_limits.source_of(source)}"


def forget_keys() -> None:
    """Forget cached API tokens, so that the next check reads the database."""
    with _lock:
        _keys.clear()


def _remembered(key: tuple[UUID, str]) -> frozenset[str] | None:
    with _lock:
        kept = _keys.get(key)
    return kept[1] if kept is not None and clock.monotonic() - kept[0] < KEY_LOOK_SECONDS else None


def _known(key: tuple[UUID, str]) -> frozenset[str] | None:
    """The scopes of a key; None if the project has no such key."""
    project, wanted = key
    # By its SHA-256, which has an index: how long that takes may tell of digests, never of 256 random bits.
    row = ApiToken.objects.filter(project_id=project, digest=wanted, revoked_at=None).first()
    with _lock:
        if row is None or not hmac.compare_digest(row.digest, wanted):
            _keys.pop(key, None)
            return None
        if len(_keys) >= _MOST_KEPT:
            _keys.clear()
        _keys[key] = (clock.monotonic(), row.granted)
    _used(row)
    return row.granted


def _used(row: ApiToken) -> None:
    now = clock.now()
    before = now - timedelta(seconds=USED_SECONDS)
    if row.last_used_at is None or row.last_used_at < before:
        try:
            ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
        except OperationalError as error:
            if not errors.is_read_only(error):  # what is only read can be answered
                raise


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
        subject = _or_unauthorized(partial(_basic, source=_source(request)), value, _source(request))
        permit(subject, key_scopes.needed(request.method or "", request.path))
        return _fenced(subject)

    def authenticate_header(self, request: Request) -> str:
        return errors.CHALLENGE


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer <SAT>` (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[Principal, Subject] | None:
        scheme, value = _authorization(request)
        if scheme != "bearer":
            # Asked last: who has not shown a project's key either is answered 401.
            if scheme != "basic":
                tell_failures(_source(request))
            return None
        return _fenced(_or_unauthorized(subject_from_token, value, _source(request)))

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(request: HttpRequest) -> str | None:
    """A stable name of whoever sends this request, None where the credentials are missing, wrong or too few:
    an answer that was kept for another key of the project is given to none that might not ask for it.

    Raises TooManyRequests where too many wrong ones came from its address.
    """
    scheme, value = _authorization(request)
    try:
        subject = _basic(value, _source(request)) if scheme == "basic" else subject_from_token(value)
        permit(subject, key_scopes.needed(request.method or "", request.path))
    except (InvalidToken, errors.Forbidden):
        return None
    return name_of(subject)


def _fenced(subject: Subject) -> tuple[Principal, Subject]:
    row_security.enter(subject.project_id)
    return Principal(), subject


def _authorization(request: Request | HttpRequest) -> tuple[str, str]:
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower(), value.strip()


def _source(request: Request | HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _basic(value: str, source: str) -> ApiKey:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (ValueError, binascii.Error):
        raise InvalidToken("unauthorized", "The Authorization header cannot be read.") from None
    project_id, _, api_token = text.partition(":")
    return subject_from_basic(project_id, api_token, source)


def _or_unauthorized(check: Callable[[str], Subject], value: str, source: str) -> Subject:
    try:
        subject = check(value)
    except InvalidToken as refused:
        tell_failures(source)
        raise errors.Unauthorized(refused.code, refused.message) from refused
    return subject
