"""A client of the web process over real HTTP; a refused connection is status 0."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


def ask(
    port: int, authorization: str, method: str, path: str, body: Any = None, wait: float = 12.0
) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=wait)
    try:
        text = None if body is None else json.dumps(body)
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        connection.request(method, path, text, headers)
        answer = connection.getresponse()
        raw = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, json.loads(raw) if raw else None)
    except (OSError, http.client.HTTPException):
        return Answer(0, {}, None)
    finally:
        connection.close()
