"""The Node client's types and operations as source text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from clients.generate.document import Field, Operation, Shape, Type, title

HEAD: Final = "/** {words} Made by `python -m clients.generate`: do not edit. */\n"
SIMPLE: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "any": "unknown",
}


def type_text(found: Type, prefix: str = "") -> str:
    match found.kind:
        case "named":
            return prefix + found.words[0]
        case "literal":
            return " | ".join(_quoted(each) for each in found.words)
        case "list":
            return f"Array<{type_text(found.inner[0], prefix)}>"
        case "map":
            return f"{{ [name: string]: {type_text(found.inner[0], prefix)} }}"
        case "union":
            return " | ".join(type_text(each, prefix) for each in found.inner)
    return SIMPLE[found.kind]


def types(shapes: Iterable[Shape], events: Iterable[str]) -> str:
    lines = [HEAD.format(words="Shapes of requests and answers, as the OpenAPI document has them.")]
    lines.append(f"export type EventType =\n{_cases(events)};\n")
    lines += [_shape(each) for each in shapes]
    return "\n".join(lines)


def _shape(shape: Shape) -> str:
    if shape.alias is not None:
        return f"export type {shape.name} = {type_text(shape.alias)};\n"
    body = "".join(f"{_comment(each)}  {_member(each)};\n" for each in shape.fields)
    return f"export interface {shape.name} {{\n{body}}}\n"


def _member(field: Field) -> str:
    name = field.name if re.fullmatch(r"[A-Za-z_]\w*", field.name) else _quoted(field.name)
    return f"{name}{'' if field.required else '?'}: {type_text(field.type)}"


def _comment(field: Field) -> str:
    words = " ".join(field.words.split()).replace("*/", "* /")
    return f"  /** {words} */\n" if words else ""


def operations(found: Iterable[Operation]) -> str:
    lines = [HEAD.format(words="Every operation by its resource.")]
    lines.append("import { pathOf, type Post, type Sender } from './request.js';")
    lines.append("import type * as types from './types.js';\n")
    grouped = [(name, list(group)) for name, group in groupby(found, key=lambda each: each.resource)]
    for name, group in grouped:
        lines.append(f"export class {title(name)} {{\n  constructor(private readonly sender: Sender) {{}}\n")
        lines += [_method(each) for each in group]
        lines.append("}\n")
    lines.append("export class Resources {")
    lines += [f"  readonly {_camel(name)}: {title(name)};" for name, _ in grouped]
    lines.append("\n  constructor(sender: Sender) {")
    lines += [f"    this.{_camel(name)} = new {title(name)}(sender);" for name, _ in grouped]
    lines.append("  }\n}\n")
    return "\n".join(lines)


def _method(operation: Operation) -> str:
    given = [f"{_camel(name)}: string" for name in operation.path_fields]
    if operation.body is not None:
        kind = type_text(operation.body, "types.")
        given.append(f"body: {kind}" if operation.body_required else f"body?: {kind}")
    if operation.query:
        members = "; ".join(f"{each.name}?: {type_text(each.type, 'types.')}" for each in operation.query)
        given.append(f"query: {{ {members} }} = {{}}")
    if operation.method == "POST":
        given.append("options: Post = {}")
    answer = "Uint8Array" if operation.binary else "void"
    if operation.answer is not None:
        answer = type_text(operation.answer, "types.")
    path = _quoted(operation.path)
    if operation.path_fields:
        path = f"pathOf({path}, {', '.join(map(_camel, operation.path_fields))})"
    sent = [
        *(["query"] if operation.query else []),
        *(["body"] if operation.body is not None else []),
        *(["...options"] if operation.method == "POST" else []),
    ]
    call = f"this.sender.{'fetch' if operation.binary else 'send'}('{operation.method}', {path}"
    return (
        f"  /** {operation.summary}: `{operation.method} {operation.path}`. */\n"
        f"  {_camel(operation.name)}({', '.join(given)}): Promise<{answer}> {{\n"
        f"    return {call}, {{ {', '.join(sent)} }});\n  }}\n"
    )


def _camel(word: str) -> str:
    head, *rest = word.split("_")
    return head + "".join(each.capitalize() for each in rest)


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _cases(words: Iterable[str]) -> str:
    return "\n".join(f"  | {_quoted(each)}" for each in words)
