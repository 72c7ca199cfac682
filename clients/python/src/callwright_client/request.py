"""One request with its attempts. A POST is sent with an Idempotency-Key: a repetition has one effect.

Tried again, after `Retry-After` or with growing waits: no connection, 429, 502, 503, 504, and 409
`request_in_progress`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from callwright_client.errors import Unreachable, api_error

LONGEST_WAIT = 30.0
AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Policy:
    """`retries`: attempts after the first. `first_wait`: seconds; it doubles with each attempt."""

    retries: int = 4
    first_wait: float = 0.25

    def wait(self, attempt: int, retry_after: str | None) -> float | None:
        """Seconds before the next attempt; None where there is none. `attempt` counts from 0."""
        if attempt >= self.retries:
            return None
        if retry_after is not None and retry_after.isdecimal():
            return min(float(retry_after), LONGEST_WAIT)
        return min(self.first_wait * 2.0**attempt, LONGEST_WAIT) * random.uniform(0.75, 1.25)


class Sender(Protocol):
    """What the operations need of the blocking client."""

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        """The answer's JSON, None where there is none. Raises ApiError and Unreachable."""

    def fetch(self, method: str, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        """The answer's bytes. Raises as `send` does."""


class AsyncSender(Protocol):
    """What the operations need of the client for asyncio."""

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        """As `Sender.send`."""

    async def fetch(self, method: str, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        """As `Sender.fetch`."""


def path_of(template: str, *values: str) -> str:
    """The path with its places filled, each as one segment."""
    for value in values:
        before, _, rest = template.partition("{")
        template = before + quote(value, safe="") + rest.partition("}")[2]
    return template


@dataclass(frozen=True)
class _Prepared:
    method: str
    path: str
    arguments: dict[str, Any]


def _prepared(
    method: str,
    path: str,
    query: Mapping[str, Any] | None,
    body: Mapping[str, Any] | None,
    key: str | None,
) -> _Prepared:
    kept = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in (query or {}).items()
        if value is not None
    }
    headers = {"Accept": "application/json"}
    content = None
    if method == "POST":
        headers["Idempotency-Key"] = key or str(uuid.uuid4())
        body = {} if body is None else body
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    arguments = {"headers": headers, "content": content}
    if kept:  # httpx would cut a query out of the path otherwise
        arguments["params"] = kept
    return _Prepared(method, path, arguments)


def _body(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content) if answer.content else None
    except ValueError:
        return None


def _worth_another(answer: httpx.Response) -> bool:
    if answer.status_code in AGAIN:
        return True
    return answer.status_code == 409 and api_error(409, _body(answer), "").code == "request_in_progress"


class Requests:
    """A Sender over httpx."""

    def __init__(self, client: httpx.Client, policy: Policy) -> None:
        self._client, self._policy = client, policy

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        return _body(self._answer(_prepared(method, path, query, body, key)))

    def fetch(self, method: str, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        return self._answer(_prepared(method, path, query, None, None)).content

    def _answer(self, asked: _Prepared) -> httpx.Response:
        attempt = 0
        while True:
            answer, after, words = None, None, ""
            try:
                answer = self._client.request(asked.method, asked.path, **asked.arguments)
            except httpx.TransportError as error:
                words = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success:
                    return answer
                after = answer.headers.get("Retry-After")
            if answer is None or _worth_another(answer):
                wait = self._policy.wait(attempt, after)
                if wait is not None:
                    time.sleep(wait)
                    attempt += 1
                    continue
            _raise(answer, words)


class AsyncRequests:
    """An AsyncSender over httpx."""

    def __init__(self, client: httpx.AsyncClient, policy: Policy) -> None:
        self._client, self._policy = client, policy

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        return _body(await self._answer(_prepared(method, path, query, body, key)))

    async def fetch(self, method: str, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        return (await self._answer(_prepared(method, path, query, None, None))).content

    async def _answer(self, asked: _Prepared) -> httpx.Response:
        attempt = 0
        while True:
            answer, after, words = None, None, ""
            try:
                answer = await self._client.request(asked.method, asked.path, **asked.arguments)
            except httpx.TransportError as error:
                words = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success:
                    return answer
                after = answer.headers.get("Retry-After")
            if answer is None or _worth_another(answer):
                wait = self._policy.wait(attempt, after)
                if wait is not None:
                    await asyncio.sleep(wait)
                    attempt += 1
                    continue
            _raise(answer, words)


def _raise(answer: httpx.Response | None, words: str) -> None:
    if answer is None:
        raise Unreachable(f"The instance does not answer: {words}")
    raise api_error(answer.status_code, _body(answer), answer.reason_phrase)
