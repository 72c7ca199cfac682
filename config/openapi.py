"""Finishes the OpenAPI document: words, ids as UUIDs, closed bodies, examples, error codes, events. Pure.

`finish` is a hook of drf-spectacular and runs last. What the views say themselves stays, but for
descriptions, which would be docstrings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from calling.calls.event_types import TYPES
from config import event_data
from config.error_codes import ERRORS
from config.openapi_words import words_of
from rest import known_names

EXAMPLES: Final = Path(__file__).with_name("openapi_examples.json")
METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})
NOT_UUIDS: Final = frozenset({"control_id", "name", "verb", "wish", "account", "key"})
TAGS: Final = {
    "calls": "Dial, and act on calls and their legs.",
    "operations": "Play, say, record, collect and stream on a call.",
    "rooms": "Who is in a room, and moderation.",
    "recordings": "Files that were recorded.",
    "history": "A person's own calls, as their devices show them.",
    "push": "Browsers that ring although no page is open.",
    "alerts": "Who is told when something goes wrong.",
    "events": "The project's log, for those who poll.",
    "webhooks": "Endpoints that events are delivered to, and their deliveries.",
    "tokens": "Tokens for devices: subscribers, guests, invites, embeds.",
    "keys": "API keys of the project.",
    "directory": "Subscribers, rooms, scripts, SIP endpoints and gateways, numbers, and their addresses.",
    "phone calls": "Money and limits of calls to phone numbers.",
    "SignalWire": "Paths that SignalWire's own clients ask for.",
    "health": "Whether the instance answers.",
}
ROOM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"id": {"type": "string", "format": "uuid"}, "name": {"type": "string"}},
    "required": ["id", "name"],
}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


@cache
def examples() -> dict[str, dict[str, Any]]:
    """operation id -> {request?, response?}, as the test suite saw them answered."""
    found: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found


def finish(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    for path, _, operation in operations(result):
        if known_names.is_native(path):
            close_body(operation, result["components"]["schemas"])
        summary, description = words_of(operation["operationId"], operation.get("tags", []))
        operation["summary"] = operation.get("summary") or summary
        operation["description"] = description or operation["summary"]
        operation.setdefault("tags", ["health"])
        operation.setdefault("security", [])  # the body itself holds what is traded: no credentials beside it
        type_ids(operation)
        add_example(operation, examples().get(operation["operationId"], {}))
    result["tags"] = [{"name": name, "description": words} for name, words in TAGS.items()]
    result["components"]["schemas"]["EventRoom"] = ROOM
    name_codes(result)
    result["webhooks"] = {type: webhook(type) for type in TYPES}
    return result


def type_ids(operation: dict[str, Any]) -> None:
    """Parts of a path that are ids are UUIDs, as the ids of answers are."""
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path" and name not in NOT_UUIDS and (name == "id" or name.endswith("_id")):
            parameter["schema"] = {"type": "string", "format": "uuid"}
        parameter.setdefault("description", name.replace("_", " "))


def close_body(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """A field that a body of the product's own surfaces does not know is refused."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None:
        schemas[content["schema"]["$ref"].rpartition("/")[2]]["additionalProperties"] = False


def add_example(operation: dict[str, Any], example: dict[str, Any]) -> None:
    if "request" in example and "requestBody" in operation:
        operation["requestBody"]["content"]["application/json"]["example"] = example["request"]
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            if status.startswith("2") and "response" in example and kind == "application/json":
                content["example"] = example["response"]


def name_codes(result: dict[str, Any]) -> None:
    """Every error code, in the schema of an error and in a table of the description."""
    codes = sorted({code for _, code, _ in ERRORS})
    problem = result["components"]["schemas"].get("Problem")
    if problem is not None:
        problem["properties"]["code"] = {
            "type": "string",
            "examples": codes[:3],
            "description": "One of: " + ", ".join(codes) + ". New ones may be added.",
        }
    rows = "\n".join(f"| {status} | `{code}` | {words} |" for status, code, words in ERRORS)
    result["info"]["description"] += (
        f"\n\n## Errors\n\n| status | code | what to do |\n|---|---|---|\n{rows}\n"
    )


@cache
def call_example() -> dict[str, Any]:
    """A call, as the test suite saw it."""
    found: dict[str, Any] = examples()["calls_get"]["response"]
    return found


def webhook(type: str) -> dict[str, Any]:
    """One event as it is delivered to an endpoint (docs/webhooks.md)."""
    properties = {
        "id": {"type": "string", "format": "uuid"},
        "type": {"const": type},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": event_data.schema_of(type),
    }
    body = {"type": "object", "properties": properties, "required": sorted(properties)}
    content = {"schema": body, "example": event_data.example_of(type, call_example())}
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "post": {
            "operationId": f"event_{type.replace('.', '_')}",
            "summary": f"Event `{type}`",
            "description": "Signed as Standard Webhooks says. Answer 2xx within 10 s.",
            "tags": ["webhooks"],
            "security": [],  # the signature says who sends it
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
                for name in headers
            ],
            "requestBody": {"required": True, "content": {"application/json": content}},
            "responses": {"2XX": {"description": "received"}},
        }
    }
