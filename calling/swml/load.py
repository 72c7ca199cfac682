"""Where a script comes from: stored with its run, or fetched by URL with the safe client.

A fetch POSTs SignalWire's body (`call`, `vars`, `envs`, `params`), signed as SignalWire signs its requests,
and takes JSON or YAML. Raises BadScript with a text that may be shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from calling.outbound_http.client import Client, FetchFailed, client, signalwire_signature
from calling.outbound_http.url_text import UnsafeUrl
from calling.swml.checks import BadScript
from calling.swml.parse import Document, check_document
from calling.swml.read import parse_text

FETCH_SECONDS: Final = 10.0


def stored(document: Mapping[str, Any]) -> Document:
    """A run's document: SWML as JSON, or `{"text": …}` where a script resource holds it as text."""
    if set(document) == {"text"}:
        return parse_text(str(document["text"]), running=True)
    return check_document(dict(document))


async def fetched(
    url: str,
    body: Mapping[str, Any],
    *,
    signing_key: str = "",
    http: Client | None = None,
    redirects: int | None = None,
) -> Document:
    """The document behind a URL. The client judges the URL; at most 256 kB, 3 redirects (or as given) and
    10 s."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json, application/yaml, */*"}
    if signing_key:
        headers["X-SignalWire-Signature"] = signalwire_signature(signing_key, url, content)
    try:
        answer = await (http or client()).fetch(
            url,
            method="POST",
            headers=headers,
            content=content,
            purpose="script",
            total_timeout=FETCH_SECONDS,
            redirects=redirects,
        )
    except UnsafeUrl as problem:
        raise BadScript("", f"the script's URL: {problem}") from None
    except FetchFailed as problem:
        raise BadScript("", f"the script could not be fetched: {problem}") from None
    if answer.status != 200:
        raise BadScript("", f"the script could not be fetched: status {answer.status}")
    return parse_text(answer.body, running=True)


async def first_of(
    urls: tuple[str, ...], body: Mapping[str, Any], *, signing_key: str = "", http: Client | None = None
) -> Document:
    """The document behind the first URL that gives one (`url`, then `fallback_url`)."""
    problem = BadScript("", "there is no script")
    for url in urls:
        try:
            return await fetched(url, body, signing_key=signing_key, http=http)
        except BadScript as failed:
            problem = failed
    raise problem
