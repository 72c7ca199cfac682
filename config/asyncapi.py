"""`/api/asyncapi`: an AsyncAPI 3 document of `/ws/phone` and `/ws/events`, beside the OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from calling.calls.event_types import TYPES
from config import asyncapi_messages as messages
from config import event_data
from config.asyncapi_messages import REQ_ID, Message
from config.openapi import ROOM, call_example
from rest import links

SHAPES: Final = ("Call", "Member")


@csrf_exempt  # no form of ours: another method is 405
@require_safe
def document(request: HttpRequest) -> JsonResponse:
    base = links.absolute("/")
    scheme, _, host = base.rstrip("/").partition("://")
    servers = {"instance": {"host": host, "protocol": "wss" if scheme == "https" else "ws"}}
    return JsonResponse({**described(), "servers": servers})


@cache
def described() -> dict[str, Any]:
    """The document but for the address of the instance."""
    rest = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    sent = {f"send.{name}": message(name, each) for name, each in messages.SENT.items()}
    told = {f"tell.{name}": message(name, each) for name, each in messages.TOLD.items()}
    events = {f"event.{kind}": event(kind) for kind in TYPES}
    follow = {"auth": message("auth", messages.FOLLOW), "ping": message("ping", messages.SENT["ping"])}
    answers = {name: message(name, messages.TOLD[name]) for name in ("error", "pong")}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Callwright sockets",
            "version": rest["info"]["version"],
            "description": "JSON objects in text frames of at most 256 kB. The rules are in the contract.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "phone": channel("/ws/phone", "A device, with calls and media.", {**sent, **told}),
            "events": channel(
                "/ws/events", "The event log of a project, live.", {**follow, **answers, **events}
            ),
        },
        "operations": {
            "deviceSends": operation("receive", "phone", sent, "What a device sends."),
            "platformTells": operation("send", "phone", told, "What the platform sends to a device."),
            "backEndFollows": operation("receive", "events", follow, "What a back end sends."),
            "eventHappened": operation(
                "send", "events", {**answers, **events}, "What the platform sends to a back end."
            ),
        },
        "components": {"schemas": shapes(rest)},
    }


def message(kind: str, given: Message) -> dict[str, Any]:
    """`type`, `req_id` and the message's own fields."""
    properties = {name.rstrip("?"): schema for name, schema in given.fields.items()}
    required = ["type", *(name for name in given.fields if not name.endswith("?"))]
    payload = {
        "type": "object",
        "properties": {"type": {"const": kind}, "req_id": REQ_ID, **properties},
        "required": required,
    }
    example = {"payload": {"type": kind, **given.example}}
    return {"name": kind, "summary": given.words, "payload": payload, "examples": [example]}


def event(kind: str) -> dict[str, Any]:
    """A frame of `/ws/events`: `{cursor, event}`."""
    one = {
        "type": "object",
        "properties": {
            "id": messages.UUID,
            "type": {"const": kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": event_data.schema_of(kind),
        },
        "required": ["id", "type", "timestamp", "data"],
    }
    payload = {
        "type": "object",
        "properties": {"cursor": {"type": "string", "pattern": "^[0-9]+$"}, "event": one},
        "required": ["cursor", "event"],
    }
    example = {"payload": {"cursor": "42", "event": event_data.example_of(kind, call_example())}}
    return {"name": kind, "summary": f"The event {kind}.", "payload": payload, "examples": [example]}


def channel(address: str, words: str, own: dict[str, Any]) -> dict[str, Any]:
    return {"address": address, "description": words, "messages": own, "bindings": {"ws": {"method": "GET"}}}


def operation(action: str, name: str, own: dict[str, Any], words: str) -> dict[str, Any]:
    """As the platform does it: it receives what others send."""
    found = [{"$ref": f"#/channels/{name}/messages/{each}"} for each in own]
    return {"action": action, "channel": {"$ref": f"#/channels/{name}"}, "summary": words, "messages": found}


def shapes(rest: dict[str, Any]) -> dict[str, Any]:
    """The shapes of REST that events hold, with what those refer to."""
    every, found, wanted = rest["components"]["schemas"], {"EventRoom": ROOM}, list(SHAPES)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = every[name]
            wanted += [each.rpartition("/")[2] for each in references(every[name])]
    return found


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    return [each for inner in value for each in references(inner)] if isinstance(value, list) else []
