"""Every public method of `signalwire-sdk`'s RestClient, what it sends, and what becomes of it here.

`python -m tests.signalwire.rest_api.table` writes docs/signalwire-rest-client.md; a test holds it to this.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

PAGE = Path(__file__).parents[3] / "docs" / "signalwire-rest-client.md"
SOME_ID = "11111111-1111-4111-8111-111111111111"
HEAD = """# Every method of `RestClient`

This page lists every method of `RestClient` in `signalwire-sdk` {version}. *works*: the method has the
effect that SignalWire documents, on the platform's own resources. *refused*: the answer is 422 with that
code and a message that names the unsupported feature, and the request has no effect. A path that SignalWire
does not have gets 404. [SignalWire clients](signalwire.md) describes their use.

Notable differences:

- `phone_numbers`: a number is routed to a room (`video_room`), to the subscriber of a SIP endpoint
  (`relay_sip_endpoint`), or to a SWML document at a URL (`relay_script`, or `set_swml_webhook`). Every other
  `call_handler`, and every field of messages, is refused with `not_supported` and named in `attribute`.
- `video.rooms` and `video.conferences` are two shapes of the rooms that `fabric.conference_rooms` shows.
  A room can be named by its id or its name. `size` is 20, 100 or 300 members. Colours and chat are
  refused with `not_supported`, and so is any `quality`, `layout` or other setting that differs from what
  every room has.
- `logs.voice` lists calls. `created_after`, `created_before` and `created_on` filter the list. A call's
  `status` is its result (`completed`, `canceled`, `busy`, `no-answer`, `failed`).
- `recordings`: `url` is a signed link that is valid for five minutes.

| `client.…` | sends | |
|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One method: `sends` is the verb and path with `{id}`, or the command of the calling API."""

    name: str
    method: str
    path: str
    sends: str
    says: str


def client_class() -> Any:
    from signalwire.rest import RestClient

    return RestClient


def walk(found: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and bound method, of everything public that makes requests."""
    from signalwire.rest._base import BaseResource

    for word, child in sorted(vars(found).items()):
        if word.startswith("_"):
            continue
        dotted = f"{name}.{word}".lstrip(".")
        if isinstance(child, BaseResource):
            for verb, method in inspect.getmembers(child, inspect.ismethod):
                if not verb.startswith("_"):
                    yield f"{dotted}.{verb}", method
        if type(child).__module__.startswith("signalwire"):
            yield from walk(child, dotted)


def call(method: Any) -> Any:
    """Call it with something for every argument that must be given; a paginator is walked."""
    named: list[Any] = []
    keywords: dict[str, Any] = {}
    for parameter in inspect.signature(method).parameters.values():
        if parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            continue
        value: Any = {} if "dict" in str(parameter.annotation).lower() else SOME_ID
        if parameter.name in ("body", "data"):
            value = {}
        if parameter.kind is parameter.KEYWORD_ONLY:
            keywords[parameter.name] = value
        else:
            named.append(value)
    try:
        answer = method(*named, **keywords)
    except TypeError:  # a body taken as one positional mapping
        answer = method(*[{} if each == SOME_ID else each for each in named], **keywords)
    return list(answer) if not isinstance(answer, dict) else answer


def sent(name: str, method: Any) -> tuple[str, str, str | None]:
    """The verb, path and calling command that a method sends."""
    seen: list[tuple[str, str, Any]] = []
    http = method.__self__._http
    http._request = lambda verb, path, body=None, **more: seen.append((verb, path, body)) or {"data": []}
    call(method)
    verb, path, body = seen[0]
    command = body.get("command") if isinstance(body, dict) and path == "/api/calling/calls" else None
    return verb, path, command


def says(verb: str, path: str, command: str | None) -> str:
    """What the platform's own tables say of a request."""
    from django.urls import Resolver404, resolve

    from calling.signalwire.calling_api.commands import COMMANDS, NOT_SUPPORTED
    from calling.signalwire.rest_api.unsupported import UnsupportedView
    from subscribers.api.resources import Unsupported

    if command is not None:
        if command in NOT_SUPPORTED:
            return "refused (`not_supported`)"
        return "works" if command in COMMANDS or command in ("dial", "update") else "unknown"
    try:
        view = resolve(path).func.cls  # type: ignore[attr-defined]
    except Resolver404:
        return "unknown"
    if issubclass(view, UnsupportedView | Unsupported):
        return "refused (`not_supported`)"
    return "works" if hasattr(view, verb.lower()) else "unknown"


def rows() -> list[Row]:
    from signalwire.rest._base import HttpClient  # noqa: F401  # its absence should be loud

    found = []
    client = client_class()(project="p", token="t", host="127.0.0.1:1")
    for name, method in walk(client):
        verb, path, command = sent(name, method)
        words = f"`{command}`" if command else f"{verb} {_template(path)}"
        found.append(Row(name, verb, path, words, says(verb, path, command)))
    return found


def _template(path: str) -> str:
    parts = path.split("/")
    for index, part in enumerate(parts):
        try:
            UUID(part)
        except ValueError:
            continue
        parts[index] = "{id}"
    return "`" + "/".join(parts) + "`"


def page() -> str:
    from importlib.metadata import version

    lines = [f"| `{row.name}` | {row.sends} | {row.says} |" for row in rows()]
    return HEAD.format(version=version("signalwire-sdk")) + "\n".join(lines) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    PAGE.write_text(page(), encoding="utf-8")
