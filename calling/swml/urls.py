"""The URLs of a script that is saved or dialled with: each is one that some instance could ask.

A script that runs is not judged here: there a URL that leads nowhere fails in its own step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from calling.outbound_http import url_text
from calling.swml.checks import BadScript, is_template
from calling.swml.parse import Document, check_document

PLACES: Final = {
    "url", "urls", "uri", "status_url", "call_state_url", "webhook", "dest", "confirm", "action",
    "transfer_after_bridge", "ringback", "play", "prompt", "request", "transfer", "execute", "stream", "tap",
}  # fmt: skip
"""Parameters that may be a URL, and verbs whose bare value is one."""
ANYBODYS: Final = {"body", "params", "event", "custom_parameters", "parameters", "headers", "meta", "set"}
"""What a script hands on as it is."""
SCHEMES: Final = ("https", "http", "wss", "ws")
_URL = re.compile(r"(https?|wss?)://", re.IGNORECASE)


def saved(value: object) -> Document:
    """A document from parsed JSON, judged whole. Raises BadScript."""
    document = check_document(value)
    judge(value)
    return document


def judge(script: object) -> None:
    """Raises BadScript for a URL with a password in it, or whose host or port cannot be: as it is written."""
    for path, url in _urls("sections", script.get("sections") if isinstance(script, dict) else None):
        if _URL.match(url) and not is_template(url):
            try:
                url_text.parse_url(url, allow_private=True, schemes=SCHEMES)
            except url_text.UnsafeUrl as problem:
                raise BadScript(path, str(problem)) from None


def _urls(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for i, one in enumerate(value):
            yield from _urls(f"{path}[{i}]", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            here = f"{path}.{key[:64]}"
            if key in PLACES:
                yield from ((here, each) for each in _listed(one) if isinstance(each, str))
            if key not in ANYBODYS:
                yield from _urls(here, one)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
