"""The Python client's types and operations as source text. Pure."""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from clients.generate.document import Field, Operation, Shape, Type, title

HEAD: Final = (
    '"""{words}\n\nMade by `python -m clients.generate`: do not edit.\n"""\n\n'
    "from __future__ import annotations\n"
)
SIMPLE: Final = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "any": "Any",
}


def type_text(found: Type, prefix: str = "") -> str:
    match found.kind:
        case "named":
            return prefix + found.words[0]
        case "literal":
            return f"Literal[{', '.join(_quoted(each) for each in found.words)}]"
        case "list":
            return f"list[{type_text(found.inner[0], prefix)}]"
        case "map":
            return f"dict[str, {type_text(found.inner[0], prefix)}]"
        case "union":
            return " | ".join(type_text(each, prefix) for each in found.inner)
    return SIMPLE[found.kind]


def types(shapes: Iterable[Shape], events: Iterable[str]) -> str:
    lines = [HEAD.format(words="Shapes of requests and answers, as the OpenAPI document has them.")]
    lines.append("from typing import Any, Literal, NotRequired, TypeAlias, TypedDict\n")
    lines.append(f"EventType: TypeAlias = Literal[\n{_list(events)}]\n")
    lines += [_shape(each) for each in shapes]
    return "\n".join(lines)


def _shape(shape: Shape) -> str:
    if shape.alias is not None:
        if shape.alias.kind == "literal":
            return f"{shape.name}: TypeAlias = Literal[\n{_list(shape.alias.words)}]\n"
        return f"{shape.name}: TypeAlias = {_quoted(type_text(shape.alias))}\n"
    if all(each.name.isidentifier() and not keyword.iskeyword(each.name) for each in shape.fields):
        body = "".join(f"{_comment(each)}    {each.name}: {_field(each, False)}\n" for each in shape.fields)
        return f"\nclass {shape.name}(TypedDict):\n{body}"
    body = "".join(
        f"{_comment(each)}    {_quoted(each.name)}: {_field(each, True)},\n" for each in shape.fields
    )
    return f"{shape.name} = TypedDict({_quoted(shape.name)}, {{\n{body}}})\n"


def _field(field: Field, evaluated: bool) -> str:
    text = type_text(field.type)
    if evaluated and any(True for _ in field.type.shapes()):
        text = _quoted(text)
    return text if field.required else f"NotRequired[{text}]"


def _comment(field: Field) -> str:
    wrapped = textwrap.wrap(" ".join(field.words.split()), 100)
    return "".join(f"    # {line}\n" for line in wrapped)


def operations(found: Iterable[Operation], *, awaited: bool) -> str:
    way = "Async" if awaited else ""
    words = f"Every operation by its resource, {'for asyncio' if awaited else 'blocking'}."
    lines = [HEAD.format(words=words)]
    lines.append("from collections.abc import Mapping\nfrom typing import Any, cast\n")
    lines.append(
        "from callwright_client import types as shapes\n"
        f"from callwright_client.request import {way}Sender, path_of\n"
    )
    grouped = [(name, list(group)) for name, group in groupby(found, key=lambda each: each.resource)]
    for name, group in grouped:
        lines.append(f"\nclass {way}{title(name)}:\n    def __init__(self, sender: {way}Sender) -> None:")
        lines.append("        self._sender = sender\n")
        lines += [_method(each, awaited) for each in group]
    lines.append(f"\nclass {way}Resources:\n    def __init__(self, sender: {way}Sender) -> None:")
    lines += [f"        self.{name} = {way}{title(name)}(sender)" for name, _ in grouped]
    return "\n".join(lines) + "\n"


def _method(operation: Operation, awaited: bool) -> str:
    given = ["self", *(f"{name}: str" for name in operation.path_fields)]
    if operation.body is not None:
        default = "" if operation.body_required else " | None = None"
        given.append(f"body: {type_text(operation.body, 'shapes.')}{default}")
    named = [
        f"{_name(each.name)}: {type_text(each.type, 'shapes.')} | None = None" for each in operation.query
    ]
    if operation.method == "POST":
        named.append("idempotency_key: str | None = None")
    if named:
        given += ["*", *named]
    answer = "bytes" if operation.binary else "None"
    if operation.answer is not None:
        answer = type_text(operation.answer, "shapes.")
    path = (
        f'path_of("{operation.path}", {", ".join(operation.path_fields)})'
        if operation.path_fields
        else (f'"{operation.path}"')
    )
    sent = [f'"{operation.method}"', path]
    if operation.query:
        pairs = ", ".join(f'"{each.name}": {_name(each.name)}' for each in operation.query)
        sent.append(f"query={{{pairs}}}")
    if operation.body is not None:
        sent.append("body=cast(Mapping[str, Any] | None, body)")
    if operation.method == "POST":
        sent.append("key=idempotency_key")
    verb = "fetch" if operation.binary else "send"
    call = f"{'await ' if awaited else ''}self._sender.{verb}({', '.join(sent)})"
    told = f"return cast({answer!r}, {call})" if answer not in ("None", "bytes") else f"return {call}"
    if answer == "None":
        told = call
    return (
        f"    {'async ' if awaited else ''}def {_name(operation.name)}({', '.join(given)}) -> {answer}:\n"
        f'        """{operation.summary}.\n\n        `{operation.method} {operation.path}`\n        """\n'
        f"        {told}\n"
    )


def _name(word: str) -> str:
    return word + "_" if keyword.iskeyword(word) else word


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list(words: Iterable[str]) -> str:
    return "".join(f"    {_quoted(each)},\n" for each in words)
