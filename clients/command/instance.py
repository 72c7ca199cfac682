"""One instance as its REST API: credentials, requests, and waiting while it is away."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT = 10.0
LONGEST_ANSWER = 16_000_000
AWAY_SECONDS = 1.0


class WrongUsage(Exception):
    """The command line, the environment or a file says nothing usable."""


class Refused(Exception):
    """The instance answered with an error; the text is its own."""


class Away(Exception):
    """The instance could not be reached, or said that it cannot answer now. `seconds`: when to come again."""

    def __init__(self, words: str, seconds: float = AWAY_SECONDS) -> None:
        super().__init__(words)
        self.seconds = seconds


class Unreachable(Away):
    """Nothing answered at its address."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A followed redirect would take the key to another place, and turn a POST into a GET."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class Answer(dict[str, Any]):
    """The JSON object that an instance answered. What it lacks, another server would lack too."""

    def __init__(self, url: str, found: dict[str, Any]) -> None:
        super().__init__(found)
        self.url = url

    def __missing__(self, name: str) -> Any:
        raise _foreign(self.url)


@dataclass(frozen=True)
class Instance:
    url: str
    project_id: str
    key: str

    def get(self, path: str, **query: object) -> Answer:
        kept = {name: value for name, value in query.items() if value is not None}
        return self.request("GET", f"{path}?{urllib.parse.urlencode(kept)}" if kept else path)

    def post(self, path: str, body: object) -> Answer:
        return self.request("POST", path, body)

    def request(self, method: str, path: str, body: object = None) -> Answer:
        """The answer's JSON object, empty where there is none. Raises Refused and Away."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        pair = f"{self.project_id}:{self.key}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
        request.add_header("Accept", "application/json")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=TIMEOUT) as answer:
                text = answer.read(LONGEST_ANSWER)
                if answer.length:  # cut off: `read` with a bound does not say so
                    raise http.client.IncompleteRead(text, answer.length)
        except urllib.error.HTTPError as error:
            raise _problem(self.url, error) from None
        except (http.client.IncompleteRead, http.client.RemoteDisconnected, OSError, ValueError) as error:
            raise Unreachable(f"{self.url} cannot be reached: {_why(error)}") from None
        except http.client.HTTPException:
            raise _foreign(self.url) from None
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise _foreign(self.url)
        return Answer(self.url, found)

    def events(
        self, after: str | None, types: str | None = None, *, follow: bool = True
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """(cursor, event) of the log after a cursor (None: from the oldest), in order.

        It goes on for ever where `follow`. A restart of the instance is waited for: the log is read on from
        the last cursor.
        """
        told = False
        while True:
            try:
                page = self.get("/api/events", after=after, types=types, page_size=200)
            except Away as away:
                if not follow:
                    raise
                if not told:
                    print(f"callwright: {away}; trying again.", file=sys.stderr)
                told = True
                time.sleep(away.seconds)
                continue
            told = False
            for entry in page["data"]:
                after = entry["cursor"]
                yield after, entry["event"]
            if not page["data"]:
                if not follow:
                    return
                time.sleep(0.3)

    def newest(self) -> str:
        """The cursor behind the newest event."""
        answer = self.get("/api/events", after="latest", page_size=1)
        (cursor,) = urllib.parse.parse_qs(urllib.parse.urlparse(answer["links"]["next"]).query)["after"]
        return str(cursor)


def _foreign(url: str) -> Refused:
    words = "answered, but not as Callwright does. Name another one with --url or CALLWRIGHT_URL."
    return Refused(f"{url} {words}")


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        where = "certificates/ca.pem of its data directory, if it was made there"
        return f"{reason.verify_message}; SSL_CERT_FILE names an authority to trust ({where})"
    return getattr(reason, "strerror", None) or str(reason)


def _problem(url: str, error: urllib.error.HTTPError) -> Exception:
    if 300 <= error.code < 400:
        to = urllib.parse.urlsplit(urllib.parse.urljoin(f"{url}/", error.headers.get("Location", "")))
        return Refused(
            f"{url} redirects to {to.scheme}://{to.netloc}: name that with --url or CALLWRIGHT_URL."
        )
    text = error.read(LONGEST_ANSWER)
    try:
        first = json.loads(text)["errors"][0]
        name, message = first.get("attribute"), str(first["message"])
        words = f"{message} ({first['code']})"
        words = words if not name or name in message else f"{name}: {words}"
    except (ValueError, LookupError, TypeError):
        words = f"{error.code} {error.reason}"
    if error.code in (429, 502, 503, 504):
        after = error.headers.get("Retry-After", "")
        return Away(words, min(float(after), 60.0) if after.isdecimal() else AWAY_SECONDS)
    return Refused(words)


def is_web_address(text: str) -> bool:
    """Whether it is an http:// or https:// URL with a host, which a request can be sent to."""
    try:
        parts = urllib.parse.urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    plain = text.isprintable() and " " not in text and text.isascii()
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def from_environment(url: str | None, key: str | None, root: Path) -> Instance:
    """The instance that flags and variables name, else the one that `make run` made in `root`."""
    here = _credentials(root)
    pair = key or os.environ.get("CALLWRIGHT_API_KEY")
    base = url or os.environ.get("CALLWRIGHT_URL") or "http://localhost:8000"
    if not is_web_address(base):
        raise WrongUsage(f"{base} is no http:// or https:// address.")
    if pair:
        project, found, secret = pair.partition(":")
        if not found:  # the key alone, and the project beside it
            project, secret = os.environ.get("CALLWRIGHT_PROJECT_ID") or here.get("project_id", ""), pair
    else:
        project, secret = here.get("project_id", ""), here.get("api_token", "")
    if not project or not secret:
        raise WrongUsage("No API key: set CALLWRIGHT_API_KEY to project-id:key, or give --key.")
    return Instance(base.rstrip("/"), project, secret)


def _credentials(root: Path) -> dict[str, str]:
    data = Path(os.environ.get("CALLWRIGHT_DATA_DIR") or root / ".callwright")
    try:
        found = json.loads((data / "credentials.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
