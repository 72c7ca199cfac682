"""Requests to the identity provider: allauth speaks `requests`, and every one of them leaves by the product's
one client for outside URLs, with its deadlines, sizes and judged addresses.

The operator names the issuer, so its own origin may be a private address at any port; what its document names
elsewhere is judged as any URL from outside. Must not live here: what the answers mean.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from ssl import SSLContext
from typing import Final

import requests
from django.conf import settings
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from calling.outbound_http.client import Answer, Client, FetchFailed, private_allowed, trusted_context
from calling.outbound_http.url_text import UnsafeUrl, parse_url
from calling.runtime import db_threads

SECONDS: Final = 8.0  # one exchange
MOST_BYTES: Final = 256 * 1024
AT_ONCE: Final = 4  # exchanges of one process: a slow issuer holds no more

_threads = ThreadPoolExecutor(AT_ONCE, "issuer")


def session() -> requests.Session:
    """Without cookies of the environment, proxies or redirects."""
    made = requests.Session()
    made.trust_env = False
    made.headers = CaseInsensitiveDict({"Accept": "application/json"})
    for scheme in ("https://", "http://"):
        made.mount(scheme, OutsideClient())
    return made


class OutsideClient(BaseAdapter):
    """Carries a request of `requests` to our client. Raises RequestException, as its callers expect."""

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        db_threads.give_back()
        try:
            answer = _threads.submit(asyncio.run, _exchange(request)).result(3 * SECONDS)
        except (FetchFailed, UnsafeUrl, TimeoutError) as problem:
            raise requests.ConnectionError(str(problem), request=request) from None
        response = requests.Response()
        response.status_code, response.request, response.url = answer.status, request, str(request.url)
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = "utf-8"
        response._content = answer.body
        return response

    def close(self) -> None:
        """Each exchange has closed its own connection."""


async def _exchange(request: requests.PreparedRequest) -> Answer:
    url, body = str(request.url), request.body
    content = body.encode() if isinstance(body, str) else body
    client = Client(_is_the_issuers(url) or private_allowed(), _context())
    try:
        return await client.fetch(
            url,
            method=str(request.method),
            headers={name: _text(value) for name, value in request.headers.items()},
            content=content if isinstance(content, bytes) else b"",
            purpose="script",
            max_bytes=MOST_BYTES,
            total_timeout=SECONDS,
            redirects=0,
        )
    finally:
        await client.aclose()


def _is_the_issuers(url: str) -> bool:
    issuer = parse_url(settings.CALLWRIGHT_OIDC_ISSUER, allow_private=True)
    return parse_url(url, allow_private=True).origin == issuer.origin


@cache
def _context() -> SSLContext:
    return trusted_context()


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
