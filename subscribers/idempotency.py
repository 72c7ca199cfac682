"""`Idempotency-Key` on every POST: the same key and body give the same answer for 24 h.

The rules are those of docs/contract.md#idempotency.

The first request claims a row, answers, and stores its answer encrypted; others with that key wait for it
or replay it. Answers of 500 and above and 429 are not kept: the caller should try again. `request.claim`
is a UUID that stays the same when a request is tried again after a crash: a view that uses it as the id of
what it creates creates it once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse

import clock
from rest import errors
from subscribers import encryption
from subscribers.models import StoredAnswer

KEPT = timedelta(hours=24)
# How long one request may take before another may take its key over, and how long that other one waits.
CLAIM = timedelta(seconds=30)
PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_LONGEST_LOOK_SECONDS = 0.4
_KEPT_HEADERS = ("Content-Type", "Location", "WWW-Authenticate", "Allow")

# Set by the gate when its app is ready: the name of the caller, None for no or wrong credentials.
Identify = Callable[[HttpRequest], str | None]
identify: list[Identify] = []


class IdempotencyMiddleware:
    """Stands behind BoundedBody: it reads the whole body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or key is None or not request.path.startswith("/api/"):
            return self.get_response(request)
        try:
            return self._once(request, key)
        except Exception as error:
            found = errors.as_api_error(error)
            if found is None:
                raise
            return errors.answer(found)

    def _once(self, request: HttpRequest, key: str) -> HttpResponse:
        if not 0 < len(key) <= 255 or not key.isascii() or not key.isprintable():
            raise errors.Unprocessable(
                "invalid_parameter",
                "Idempotency-Key must be 1 to 255 printable ASCII characters.",
                "Idempotency-Key",
            )
        caller = _caller(request)
        if caller is None:
            # No or wrong credentials: the view says so. Nothing is kept for somebody nobody can tell from
            # others: strangers would fill the table, and meet each other's answers.
            return self.get_response(request)
        row = _claim(caller, key, _hash(request))
        if row.sealed:
            return _replay(row)
        request.claim = _stable_id(row)  # type: ignore[attr-defined]
        return self._answer(request, row)

    def _answer(self, request: HttpRequest, row: StoredAnswer) -> HttpResponse:
        try:
            response = self.get_response(request)
        except BaseException:
            _release(row)
            raise
        if response.streaming or response.status_code >= 500 or response.status_code == 429:
            _release(row)
            return response
        StoredAnswer.objects.filter(pk=row.pk, claim=row.claim).update(
            sealed=_seal(response), claimed_until=None
        )
        return response


def forget_answers() -> int:
    """Deletes answers older than 24 h; returns how many. For a periodic task."""
    gone, _ = StoredAnswer.objects.filter(created_at__lt=clock.now() - KEPT).delete()
    return gone


def _claim(caller: str, key: str, wanted: str) -> StoredAnswer:
    """The row, claimed by this request or holding an answer; 422 for another body, 409 after a wait."""
    deadline, wait = clock.monotonic() + PATIENCE_SECONDS, _LOOK_SECONDS
    while True:
        row = _insert(caller, key, wanted) or _look(caller, key, wanted)
        if row is not None:
            return row
        if clock.monotonic() >= deadline:
            raise errors.Conflict("request_in_progress", "A request with this key is still being answered.")
        _wait(wait)
        wait = min(wait * 1.5, _LONGEST_LOOK_SECONDS)  # many waiters must not starve the one they wait for


def _insert(caller: str, key: str, wanted: str) -> StoredAnswer | None:
    """Claims a new key; None where somebody has it."""
    now = clock.now()
    StoredAnswer.objects.filter(caller=caller, key=key, created_at__lt=now - KEPT).delete()
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(
                caller=caller, key=key, request_hash=wanted, claim=clock.new_id(), claimed_until=now + CLAIM
            )
    except IntegrityError:
        return None


def _look(caller: str, key: str, wanted: str) -> StoredAnswer | None:
    """The answer of that key, or the claim of one whose owner died; None while it is being answered."""
    row = StoredAnswer.objects.filter(caller=caller, key=key).first()
    if row is None:
        return None
    if row.request_hash != wanted:
        raise errors.Unprocessable(
            "idempotency_key_reused", "This key was used with another request.", "Idempotency-Key"
        )
    if row.sealed:
        return row
    now, mine = clock.now(), clock.new_id()
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    taken = StoredAnswer.objects.filter(free, pk=row.pk, sealed=b"").update(
        claim=mine, claimed_until=now + CLAIM
    )
    row.claim = mine
    return row if taken else None


def _release(row: StoredAnswer) -> None:
    """Gives the key back; the row stays, so that the next try has the same `request.claim`."""
    StoredAnswer.objects.filter(pk=row.pk, claim=row.claim).update(claimed_until=None)


def _wait(seconds: float) -> None:
    # A waiting request must not keep one of the pool's connections from the one it waits for.
    if not connection.in_atomic_block:
        connection.close()
    clock.sleep(seconds)


def _stable_id(row: StoredAnswer) -> UUID:
    digest = hashlib.sha256(f"{row.pk}:{row.caller}:{row.key}".encode()).digest()
    return UUID(bytes=digest[:16], version=4)


def _caller(request: HttpRequest) -> str | None:
    name = next((found for ask in identify if (found := ask(request)) is not None), None)
    return _digest(name) if name is not None else None


def _hash(request: HttpRequest) -> str:
    head = f"{request.method} {request.get_full_path()}\n".encode("utf-8", "surrogatepass")
    return hashlib.sha256(head + request.body).hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _seal(response: HttpResponse) -> bytes:
    kept = {
        "status": response.status_code,
        "headers": {name: response[name] for name in _KEPT_HEADERS if response.has_header(name)},
        "body": base64.b64encode(response.content).decode(),
    }
    return encryption.seal_bytes(json.dumps(kept).encode())


def _replay(row: StoredAnswer) -> HttpResponse:
    try:
        kept = json.loads(encryption.unseal_bytes(bytes(row.sealed)))
    except encryption.Unreadable:
        raise errors.Conflict("not_allowed", "The response to this key is no longer available.") from None
    body = base64.b64decode(kept["body"])
    response = HttpResponse(errors.restamped(body) if kept["status"] >= 400 else body, status=kept["status"])
    for name, value in kept["headers"].items():
        response[name] = value
    response["Idempotent-Replayed"] = "true"
    return response
