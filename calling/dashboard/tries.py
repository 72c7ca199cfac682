"""How often somebody may try to sign in: counted before the password is looked at, over all processes.

A browser that has signed in before is known by a signed cookie and has tries of its own, so strangers who
guess at a name cannot keep its owner out. Everybody else is counted by address, by
name at that address, and all together; never by name alone, which strangers could use up.
A try that succeeds is given back: only failures count.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse

from calling.dashboard.access import source
from tokens import rate_limits

COOKIE = "callwright_browser"
COOKIE_SECONDS = 180 * 86400
SALT = "callwright.dashboard.browser"


@dataclass(frozen=True)
class Bucket:
    """`burst` failures at once, then `rate` a second."""

    name: str
    rate: float
    burst: float


def of_password(request: HttpRequest, name: str) -> list[Bucket]:
    """The buckets that a try with this name takes one from each."""
    browser = known_browser(request, name)
    if browser is not None:
        return [Bucket(f"sign-in:browser:{browser}", 10 / 300, 10)]
    who, address = _short(name), rate_limits.source_of(source(request))
    return [
        Bucket(f"sign-in:source:{address}", 30 / 300, 30),
        Bucket(f"sign-in:name:{who}:{address}", 10 / 300, 10),
        Bucket("sign-in:all", 1.0, 20),
    ]


def of_code(request: HttpRequest, user: User) -> list[Bucket]:
    """Who is asked for a code knows the password: few tries, wherever they come from."""
    browser = known_browser(request, user.get_username())
    return [Bucket(f"sign-in:code:{browser or user.pk}", 10 / 3600, 10)]


def of_start(request: HttpRequest) -> list[Bucket]:
    """Being sent to an identity provider, or a challenge for a passkey: each makes a session, and is not
    given back."""
    return _of_browser_or_source(request, "start", Bucket("sign-in:start", 5.0, 100))


def of_passkey(request: HttpRequest) -> list[Bucket]:
    """An answer of a passkey: it names nobody before it is judged."""
    return _of_browser_or_source(request, "passkey", Bucket("sign-in:passkey", 5.0, 100))


def of_identity(request: HttpRequest) -> list[Bucket]:
    """Coming back from an identity provider: each costs it and us three requests."""
    return _of_browser_or_source(request, "identity", Bucket("sign-in:identity", 1.0, 20))


def _of_browser_or_source(request: HttpRequest, what: str, of_strangers: Bucket) -> list[Bucket]:
    browser = browser_of(request.COOKIES.get(COOKIE, ""))
    if browser is not None:
        return [Bucket(f"sign-in:{what}:browser:{browser}", 10 / 300, 10)]
    address = rate_limits.source_of(source(request))
    return [Bucket(f"sign-in:{what}:{address}", 30 / 300, 30), of_strangers]


def take(buckets: list[Bucket]) -> float | None:
    """None where each had a try left; else the seconds until there is one."""
    for bucket in buckets:
        wait = rate_limits.take(bucket.name, bucket.rate, bucket.burst)
        if wait is not None:
            return wait
    return None


def put_back(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        rate_limits.put_back(bucket.name, bucket.rate, bucket.burst)


def worth_noting(request: HttpRequest) -> bool:
    """Whether a failure becomes a row of the audit log: one per source and minute, and 1000 in all."""
    address = rate_limits.source_of(source(request))
    return (
        rate_limits.take(f"sign-in:noted:{address}", 1 / 60, 1) is None
        and rate_limits.take("sign-in:noted", 100 / 3600, 1000) is None
    )


# --- known browsers ---------------------------------------------------------------------------------


def known_browser(request: HttpRequest, name: str) -> str | None:
    """The id of a browser in which this very name has signed in before; None for any other."""
    kept = _read(request.COOKIES.get(COOKIE, ""))
    return str(kept.get("id")) if kept.get("name") == _short(name) else None


def browser_of(cookie: str) -> str | None:
    """The id of a browser in which somebody has signed in before, by its cookie's text."""
    kept = _read(cookie)
    return str(kept["id"]) if "id" in kept else None


def _read(cookie: str) -> dict[str, object]:
    try:
        value = signing.loads(cookie, salt=SALT, max_age=COOKIE_SECONDS)
    except signing.BadSignature:
        return {}
    return value if isinstance(value, dict) else {}


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    name = user.get_username()
    value = {"name": _short(name), "id": known_browser(request, name) or secrets.token_hex(16)}
    response.set_cookie(
        COOKIE,
        signing.dumps(value, salt=SALT),
        max_age=COOKIE_SECONDS,
        path="/dashboard/login",
        httponly=True,
        samesite="Lax",
    )


def _short(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
