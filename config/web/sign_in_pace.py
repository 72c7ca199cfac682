"""Who is told to come again at the sign-in form is held here until then, before Django is asked once more.

An answer of the form costs a thread and some milliseconds even where it only says "too many tries": whoever
asks again at once, many times side by side, would take the API's time. What must not live here: how often
somebody may try (`calling.dashboard.tries`), which decides what Django answers.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from calling.dashboard import tries
from config.web.body_limits import Application, Message, Receive, Send
from tokens.rate_limits import source_of

PATHS: Final = frozenset(
    {
        ("POST", "/dashboard/login"),
        ("POST", "/dashboard/login/code"),
        ("POST", "/dashboard/login/passkey"),
        ("POST", "/dashboard/login/passkey/challenge"),
        ("POST", "/dashboard/login/identity"),
        ("GET", "/dashboard/login/identity/returned"),
    }
)
AT_ONCE: Final = 4  # tries of one source that Django has at work
HELD_SECONDS: Final = 1.0  # before whoever is refused is told so: nobody asks more often than that
LONGEST: Final = 10.0  # seconds that one answer of Django's is remembered
MOST_HELD: Final = 500  # beyond, the refusal comes at once
MOST_KEPT: Final = 10_000


class Pace:
    """Which sources have a place, and which were told to come again. Pure: the time comes in (seconds)."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()
        self._until: dict[str, float] = {}

    def wait(self, source: str, now: float) -> float:
        """Seconds until that source may try; 0 where it may now."""
        if self._busy[source] >= AT_ONCE:
            return HELD_SECONDS
        return max(0.0, self._until.get(source, now) - now)

    def enter(self, source: str) -> None:
        self._busy[source] += 1

    def leave(self, source: str, now: float, retry_after: float | None) -> None:
        """It was answered; with `retry_after` where it was told to come again after so many seconds."""
        self._busy[source] -= 1
        if not self._busy[source]:
            del self._busy[source]
        if retry_after is None:
            self._until.pop(source, None)
            return
        if len(self._until) >= MOST_KEPT:
            self._until = {name: until for name, until in self._until.items() if until > now}
        if len(self._until) < MOST_KEPT:
            self._until[source] = now + min(retry_after, LONGEST)


class SignInPace:
    """Hands to `application` what is no sign-in, and sign-ins of who has a place."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.pace = Pace()
        self.held = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if (scope["method"], scope["path"]) not in PATHS:
            await self.application(scope, receive, send)
            return
        source, loop = who(scope), asyncio.get_running_loop()
        if self.pace.wait(source, loop.time()) > 0 and self.held < MOST_HELD:
            self.held += 1
            try:
                await asyncio.sleep(HELD_SECONDS)
            finally:
                self.held -= 1
        wait = self.pace.wait(source, loop.time())
        if wait > 0:
            await refuse(send, wait)
            return
        retry_after: float | None = None

        async def answer(message: Message) -> None:
            nonlocal retry_after
            if message["type"] == "http.response.start" and message["status"] in (429, 503):
                retry_after = seconds(message["headers"])
            await send(message)

        self.pace.enter(source)
        try:
            await self.application(scope, receive, answer)
        finally:
            self.pace.leave(source, loop.time(), retry_after)


def who(scope: MutableMapping[str, Any]) -> str:
    """A browser that has signed in before goes by its cookie, so strangers at its address do not hold it."""
    text = b"; ".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
    try:
        morsel = SimpleCookie(text).get(tries.COOKIE)
    except CookieError:
        morsel = None
    browser = tries.browser_of(morsel.value) if morsel is not None else None
    return f"browser {browser}" if browser else source_of((scope.get("client") or ("",))[0])


def seconds(headers: list[tuple[bytes, bytes]]) -> float:
    found = next((value for name, value in headers if name.lower() == b"retry-after"), b"1")
    return float(found) if found.isdigit() else 1.0


async def refuse(send: Send, wait: float) -> None:
    body = b"Too many tries to sign in came from this address. Wait a moment and try again.\n"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(max(1, math.ceil(wait))).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    ]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": body})
