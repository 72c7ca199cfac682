"""REST with a project's key, for load from outside an instance."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from typing import Any

SECONDS = 15.0


class Refused(Exception):
    """The instance answered with an error; the text is its status and code."""


class Api:
    """`Api(url, project, token).ask(method, path, body)`: the answer's JSON, or Refused."""

    def __init__(self, url: str, project_id: str, api_token: str) -> None:
        key = base64.b64encode(f"{project_id}:{api_token}".encode()).decode()
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code} {_words(error.read(4000))}") from None
        except (ValueError, http.client.HTTPException):
            raise Refused("an answer that is no JSON") from None


def _words(body: bytes) -> str:
    """The message of an error; of what is no error of the API, its beginning."""
    try:
        first = json.loads(body)["errors"][0]
        return f"{first['message']} ({first['code']})"
    except (ValueError, LookupError, TypeError):
        return body[:300].decode(errors="replace")
