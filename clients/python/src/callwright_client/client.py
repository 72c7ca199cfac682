"""The two clients: an instance, a project's key, and every operation by its resource."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import httpx

from callwright_client import stream, types
from callwright_client.async_operations import AsyncResources
from callwright_client.errors import CallwrightError
from callwright_client.operations import Resources
from callwright_client.request import AsyncRequests, Policy, Requests

Entry = TypeVar("Entry")


class Page(TypedDict, Generic[Entry]):
    """Any list of the API."""

    data: list[Entry]
    links: types.Links


@dataclass(frozen=True)
class _Instance:
    url: str
    project_id: str
    api_key: str

    @property
    def socket(self) -> str:
        return f"ws{self.url.removeprefix('http')}/ws/events"


def _instance(url: str | None, project_id: str | None, api_key: str | None) -> _Instance:
    base = (url or os.environ.get("CALLWRIGHT_URL") or "http://localhost:8000").rstrip("/")
    if urlsplit(base).scheme not in ("http", "https"):
        raise CallwrightError(f"{base} is no http:// or https:// address.")
    key = api_key or os.environ.get("CALLWRIGHT_API_KEY") or ""
    project = project_id or os.environ.get("CALLWRIGHT_PROJECT_ID") or ""
    if ":" in key:
        project, _, key = key.partition(":")
    if not project or not key:
        raise CallwrightError(
            "No key: give project_id and api_key, or set CALLWRIGHT_API_KEY to project-id:key."
        )
    return _Instance(base, project, key)


def _next_path(page: Page[Entry], base: str) -> str | None:
    """The path of the next page on the same instance, however the instance names itself."""
    link = page["links"]["next"]
    if link is None:
        return None
    parts = urlsplit(link)
    return f"{base}{parts.path}?{parts.query}"


def _cursor(log: types.Log) -> str:
    return parse_qs(urlsplit(log["links"]["next"] or "").query)["after"][0]


class Callwright(Resources):
    """A project of an instance; blocking. Close it, or use it with `with`.

    `url`, `project_id`, `api_key`: by default CALLWRIGHT_URL, CALLWRIGHT_PROJECT_ID and CALLWRIGHT_API_KEY
    (which may be `project-id:key`). `timeout`: seconds for one attempt. `retries`: attempts after the first.
    """

    def __init__(
        self,
        url: str | None = None,
        project_id: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 4,
    ) -> None:
        self._instance = found = _instance(url, project_id, api_key)
        auth = httpx.BasicAuth(found.project_id, found.api_key)
        self._http = httpx.Client(base_url=found.url, auth=auth, timeout=timeout)
        self._requests = Requests(self._http, Policy(retries))
        super().__init__(self._requests)

    def __enter__(self) -> Callwright:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def every(self, page: Page[Entry]) -> Iterator[Entry]:
        """The entries of a list and of all its next pages."""
        while True:
            yield from page["data"]
            path = _next_path(page, self._instance.url)
            if path is None:
                return
            page = cast("Page[Entry]", self._requests.send("GET", path))

    def cursor(self) -> str:
        """The cursor behind the newest event: a stream that begins there misses nothing from now on."""
        return _cursor(self.events.list(after="latest", page_size=1))

    def stream(
        self, *, after: str | None = None, types: Sequence[str] | None = None
    ) -> Iterator[types.LogEntry]:
        """Events without end, from now on or after a cursor. Restarts of the instance lose none.

        `types`: patterns, such as `call.*`. Raises StreamRefused.
        """
        start = after if after is not None else self.cursor()
        found = self._instance
        return stream.follow(found.socket, found.project_id, found.api_key, start, types)


class AsyncCallwright(AsyncResources):
    """As Callwright, for asyncio. Close it, or use it with `async with`."""

    def __init__(
        self,
        url: str | None = None,
        project_id: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 4,
    ) -> None:
        self._instance = found = _instance(url, project_id, api_key)
        auth = httpx.BasicAuth(found.project_id, found.api_key)
        self._http = httpx.AsyncClient(base_url=found.url, auth=auth, timeout=timeout)
        self._requests = AsyncRequests(self._http, Policy(retries))
        super().__init__(self._requests)

    async def __aenter__(self) -> AsyncCallwright:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def every(self, page: Page[Entry]) -> AsyncIterator[Entry]:
        """The entries of a list and of all its next pages."""
        while True:
            for entry in page["data"]:
                yield entry
            path = _next_path(page, self._instance.url)
            if path is None:
                return
            page = cast("Page[Entry]", await self._requests.send("GET", path))

    async def cursor(self) -> str:
        """The cursor behind the newest event: a stream that begins there misses nothing from now on."""
        return _cursor(await self.events.list(after="latest", page_size=1))

    async def stream(
        self, *, after: str | None = None, types: Sequence[str] | None = None
    ) -> AsyncIterator[types.LogEntry]:
        """Events without end, after a cursor or from the first `anext` on. Restarts lose none.

        `types`: patterns, such as `call.*`. Raises StreamRefused.
        """
        start = after if after is not None else await self.cursor()
        found = self._instance
        async for entry in stream.follow_async(found.socket, found.project_id, found.api_key, start, types):
            yield entry
