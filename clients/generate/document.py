"""What a client needs of the OpenAPI document: named shapes, and operations by resource. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "patch", "delete")
# Not for back ends of one's own: SignalWire's clients ask these, and probes.
LEFT_OUT: Final = frozenset({"SignalWire", "health"})
# An operation's id begins with its resource, or its tag is the resource.
RESOURCES: Final = frozenset(
    {"calls", "rooms", "recordings", "history", "push", "alerts", "events", "webhooks", "keys"}
)


@dataclass(frozen=True)
class Type:
    """`kind`: string integer number boolean null any literal list map named union."""

    kind: str
    inner: tuple[Type, ...] = ()
    words: tuple[str, ...] = ()  # the name of a shape, or the values of a literal

    def shapes(self) -> Iterator[str]:
        if self.kind == "named":
            yield self.words[0]
        for each in self.inner:
            yield from each.shapes()


@dataclass(frozen=True)
class Field:
    name: str
    type: Type
    required: bool
    words: str


@dataclass(frozen=True)
class Shape:
    """An object with fields, or another name for a type."""

    name: str
    fields: tuple[Field, ...]
    alias: Type | None


@dataclass(frozen=True)
class Operation:
    resource: str
    name: str
    summary: str
    method: str
    path: str
    path_fields: tuple[str, ...]
    query: tuple[Field, ...]
    body: Type | None
    body_required: bool
    answer: Type | None  # None: no content
    binary: bool

    def shapes(self) -> Iterator[str]:
        for each in (self.body, self.answer, *(field.type for field in self.query)):
            if each is not None:
                yield from each.shapes()


def type_of(schema: Mapping[str, Any]) -> Type:
    if "$ref" in schema:
        return Type("named", words=(str(schema["$ref"]).rpartition("/")[2],))
    for word in ("allOf", "oneOf", "anyOf"):
        if word in schema:
            return union([type_of(each) for each in schema[word]])
    if "const" in schema:
        return Type("literal", words=(str(schema["const"]),))
    if "enum" in schema and all(isinstance(each, str) for each in schema["enum"]):
        return Type("literal", words=tuple(schema["enum"]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return union([type_of({**schema, "type": each}) for each in kind])
    if kind == "array":
        return Type("list", (type_of(schema.get("items", {})),))
    if kind == "object":
        inner = schema.get("additionalProperties")
        return Type("map", (type_of(inner) if isinstance(inner, dict) else Type("any"),))
    return Type(kind if kind in ("string", "integer", "number", "boolean", "null") else "any")


def union(found: list[Type]) -> Type:
    kept = tuple(dict.fromkeys(found))
    return kept[0] if len(kept) == 1 else Type("union", kept)


def shape_of(name: str, schema: Mapping[str, Any]) -> Shape:
    if not schema.get("properties"):
        return Shape(name, (), type_of(schema))
    required = set(schema.get("required", ()))
    return Shape(
        name,
        tuple(
            Field(key, type_of(each), key in required, str(each.get("description", "")))
            for key, each in schema["properties"].items()
        ),
        None,
    )


def operation_of(path: str, method: str, given: Mapping[str, Any]) -> Operation:
    whole = str(given["operationId"])
    head, _, rest = whole.partition("_")
    resource = head if head in RESOURCES and rest else re.sub(r"\W", "_", given["tags"][0])
    parameters = given.get("parameters", [])
    status, answer = next((s, a) for s, a in given["responses"].items() if s.startswith("2"))
    kinds = answer.get("content", {})
    json_body = kinds.get("application/json")
    request = given.get("requestBody", {})
    body = request.get("content", {}).get("application/json")
    del status
    return Operation(
        resource=resource,
        name=rest if resource == head else whole,
        summary=str(given.get("summary", "")).rstrip("."),
        method=method.upper(),
        path=path,
        path_fields=tuple(re.findall(r"{(\w+)}", path)),
        query=tuple(
            Field(each["name"], type_of(each.get("schema", {})), False, "")
            for each in parameters
            if each["in"] == "query"
        ),
        body=type_of(body["schema"]) if body else None,
        body_required=bool(request.get("required")),
        answer=type_of(json_body["schema"]) if json_body else None,
        binary=bool(kinds) and not json_body,
    )


def operations(document: Mapping[str, Any]) -> list[Operation]:
    found = [
        operation_of(path, method, methods[method])
        for path, methods in document["paths"].items()
        for method in METHODS
        if method in methods and not LEFT_OUT & set(methods[method].get("tags", ["health"]))
    ]
    return sorted(found, key=lambda each: (each.resource, each.name))


def shapes(document: Mapping[str, Any], used: list[Operation]) -> list[Shape]:
    """Those that the operations use, and an event's, by name."""
    known = document["components"]["schemas"]
    wanted = ["Errors", "Event", "LogEntry", *(name for each in used for name in each.shapes())]
    found: dict[str, Shape] = {}
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        shape = found[name] = shape_of(name, known[name])
        for each in shape.fields:
            wanted += each.type.shapes()
        if shape.alias is not None:
            wanted += shape.alias.shapes()
    return [found[name] for name in sorted(found)]


def event_types(document: Mapping[str, Any]) -> list[str]:
    return sorted(document.get("webhooks", {}))


def title(word: str) -> str:
    return "".join(each.capitalize() for each in word.split("_"))
