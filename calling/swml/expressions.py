"""SWML expressions and `${…}` / `%{…}` substitution, evaluated on JSON values. Pure; no `eval`.

Names are looked up as the SWML reference says: `call`, `params`, `envs` and `vars` are objects; any other
name is a script variable, then an environment variable. What is not set is empty. Every evaluation burns
fuel, so its time is bounded whatever the script says. `roots` tells which variables a template reads: the
interpreter uses it to know whether a destination came from the caller.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calling.swml.grammar import BadExpression, Node, parse_expression
from calling.swml.values import (
    FUNCTIONS,
    LIST,
    MAX_TEXT,
    NUMBER,
    TEXT,
    Fuel,
    TooMuchWork,
    Value,
    compare,
    get,
    kind,
    loosely_same,
    same,
    tidy,
    to_number,
    to_text,
    truthy,
)

SCOPES: Final = ("call", "params", "envs", "vars")
ALL_VARIABLES: Final = "*"


@dataclass
class Scope:
    """What names mean, and how much work is left."""

    call: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    envs: Mapping[str, Any] = field(default_factory=dict)
    fuel: Fuel = field(default_factory=Fuel)

    def look_up(self, name: str) -> Value:
        if name in SCOPES:
            return getattr(self, name)
        found = self.vars.get(name)
        return self.envs.get(name) if found is None else found


def evaluate(node: Node, scope: Scope) -> Value:
    """The value of a parsed expression. Raises TooMuchWork only; wrong types give null, NaN or empty text."""
    fuel = scope.fuel
    fuel.left -= 1
    if fuel.left < 0:
        raise TooMuchWork
    value = _EVALUATED[node[0]](node, scope)
    if isinstance(value, str):
        fuel.burn(len(value) >> 6)
        if len(value) > MAX_TEXT:
            raise TooMuchWork
    elif isinstance(value, list):
        fuel.burn(len(value) >> 3)
    return value


def _unary(op: str, value: Value) -> Value:
    if op == "!":
        return not truthy(value)
    if op == "typeof":
        return kind(value)
    number = to_number(value)
    return -number if op == "-" else number


def _binary(op: str, left_node: Node, right_node: Node, scope: Scope) -> Value:
    left = evaluate(left_node, scope)
    if op == "&&":
        return evaluate(right_node, scope) if truthy(left) else left
    if op == "||":
        return left if truthy(left) else evaluate(right_node, scope)
    if op == "??":
        return evaluate(right_node, scope) if left is None else left
    right = evaluate(right_node, scope)
    match op:
        case "===" | "!==":
            return same(left, right) == (op == "===")
        case "==" | "!=":
            return loosely_same(left, right) == (op == "==")
        case "<" | ">" | "<=" | ">=":
            order = compare(left, right)
            return order is not None and _ORDERED[op](order)
        case "+" if not (_numeric(left) and _numeric(right)):
            if len(a := to_text(left)) + len(b := to_text(right)) > MAX_TEXT:
                raise TooMuchWork
            return a + b
    return _arithmetic(op, to_number(left), to_number(right))


_ORDERED: Final[Mapping[str, Callable[[int], bool]]] = {
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
}


def _numeric(value: Value) -> bool:
    """Whether `+` adds it; anything else it strings together."""
    return value is None or isinstance(value, int | float)


def _arithmetic(op: str, left: float, right: float) -> int | float:
    try:
        if op == "+":
            return tidy(left + right)
        if op == "-":
            return tidy(left - right)
        if op == "*":
            return tidy(left * right)
        if right == 0:
            bad = op == "%" or left == 0 or math.isnan(left)
            return math.nan if bad else math.copysign(math.inf, left)
        return tidy(math.fmod(left, right)) if op == "%" else tidy(left / right)
    except (OverflowError, ValueError):
        return math.nan


def _call(callee: Node, args: list[Value], scope: Scope) -> Value:
    if callee[0] == "name" and callee[1] in FUNCTIONS:
        return FUNCTIONS[str(callee[1])](args)
    if callee[0] != "member":
        return None
    owner_node, name = callee[1], str(callee[2])
    assert isinstance(owner_node, tuple)
    if owner_node[0] == "name" and (full := f"{owner_node[1]}.{name}") in FUNCTIONS:
        return FUNCTIONS[full](args)
    owner = evaluate(owner_node, scope)
    if isinstance(owner, str):
        scope.fuel.burn(len(owner) >> 4)
        return TEXT[name](owner, args) if name in TEXT else None
    if isinstance(owner, list):
        scope.fuel.burn(len(owner))
        return LIST[name](owner, args) if name in LIST else None
    if isinstance(owner, int | float):
        return NUMBER[name](owner, args) if name in NUMBER else None
    return None


def _chosen(node: Any, scope: Scope) -> Value:
    _, test, yes, no = node
    return evaluate(yes if truthy(evaluate(test, scope)) else no, scope)


_EVALUATED: Final[Mapping[object, Callable[[Any, Scope], Value]]] = {
    "literal": lambda node, scope: node[1],
    "name": lambda node, scope: scope.look_up(node[1]),
    "member": lambda node, scope: get(evaluate(node[1], scope), node[2]),
    "index": lambda node, scope: get(evaluate(node[1], scope), evaluate(node[2], scope)),
    "array": lambda node, scope: [evaluate(item, scope) for item in node[1]],
    "choose": _chosen,
    "unary": lambda node, scope: _unary(node[1], evaluate(node[2], scope)),
    "binary": lambda node, scope: _binary(node[1], node[2], node[3], scope),
    "call": lambda node, scope: _call(node[1], [evaluate(arg, scope) for arg in node[2]], scope),
}
"""By the kind of a node: a table costs a fifth of matching each pattern in turn."""


@dataclass(frozen=True)
class Template:
    """A text with expressions in it: literal pieces and trees by turns."""

    parts: tuple[str | Node, ...]

    @property
    def single(self) -> Node | None:
        """The only expression, when the text is nothing else: its value keeps its type."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], tuple) else None


_OPEN = re.compile(r"[$%]\{")
_INSIDE = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[{}\"']|[^{}\"']+")
_PATH = re.compile(r"\s*[A-Za-z_$][\w$-]*(?:\.[\w$-]+)*\s*")


@functools.lru_cache(maxsize=4096)
def compile_template(text: str) -> Template:
    """Cut a text into literals and expressions. An unclosed `${` stays as it is. Raises BadExpression."""
    parts: list[str | Node] = []
    at = 0
    while (opening := _OPEN.search(text, at)) is not None:
        end = _closing(text, opening.end())
        if end is None:
            break
        if opening.start() > at:
            parts.append(text[at : opening.start()])
        parts.append(_compile(text[opening.end() : end]))
        at = end + 1
    if at < len(text) or not parts:
        parts.append(text[at:])
    return Template(tuple(parts))


def _closing(text: str, at: int) -> int | None:
    depth = 0
    for piece in _INSIDE.finditer(text, at):
        if piece.group() == "{":
            depth += 1
        elif piece.group() == "}":
            if depth == 0:
                return piece.start()
            depth -= 1
    return None


def _compile(body: str) -> Node:
    if (
        _PATH.fullmatch(body) and "-" in body
    ):  # header-like names: ${call.headers.x-order} is a path, not a minus
        first, *rest = body.strip().split(".")
        node: Node = ("name", first)
        for name in rest[:32]:
            node = ("member", node, name)
        return node
    return ("literal", "") if not body.strip() else parse_expression(body)


def substitute(value: Value, scope: Scope, depth: int = 0) -> Value:
    """A copy of a JSON value with every template in it replaced. Raises TooMuchWork (and BadExpression)."""
    scope.fuel.burn(1)
    if isinstance(value, str):
        if "${" not in value and "%{" not in value:
            return value
        return render(compile_template(value), scope)
    if isinstance(value, list):
        return [substitute(item, scope, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, scope, depth + 1) for key, item in value.items()}
    return value


def render(template: Template, scope: Scope) -> Value:
    if template.single is not None:
        value = evaluate(template.single, scope)
        return "" if value is None else value
    texts = [part if isinstance(part, str) else to_text(evaluate(part, scope)) for part in template.parts]
    size = sum(map(len, texts))
    scope.fuel.burn(size >> 6)
    if size > MAX_TEXT * 4:
        raise TooMuchWork
    return "".join(texts)


_QUOTED = re.compile(r"""(['"])[$%]\{([^{}'"]{0,200})\}\1""")


@functools.lru_cache(maxsize=4096)
def compile_condition(text: str) -> Node:
    """A `when`: an expression. Its variables need no `${}` around them, but many people write it: `${x}`,
    also in quotes, is read as `(x)`. Raises BadExpression."""
    if _OPEN.search(text) is None:
        return parse_expression(text)
    text = _QUOTED.sub(r"(\2)", text)
    pieces: list[str] = []
    at = 0
    while (opening := _OPEN.search(text, at)) is not None:
        end = _closing(text, opening.end())
        if end is None:
            raise BadExpression("a ${ is never closed")
        pieces += [text[at : opening.start()], "(", text[opening.end() : end], ")"]
        at = end + 1
    return parse_expression("".join([*pieces, text[at:]]))


def holds(condition: str, scope: Scope) -> bool:
    """Whether a `when` is true."""
    return truthy(evaluate(compile_condition(condition), scope))


def start_before(text: str, scope: Scope, stops: Callable[[set[str]], bool]) -> str:
    """What a template says before its first expression whose `roots` make `stops` true; all of it where none
    does. Raises what `substitute` raises."""
    said = ""
    for part in compile_template(text).parts:
        if isinstance(part, tuple):
            found: set[str] = set()
            _roots(part, found)
            if stops(found):
                break
            part = to_text(evaluate(part, scope))
        said += part
    return said


def roots(value: Value) -> set[str]:
    """The variables all templates in a JSON value read: 'call', 'params.x', 'envs.x', or the name of a script
    variable; '*' where it cannot be known without running it."""
    found: set[str] = set()
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str) and ("${" in one or "%{" in one):
            found |= _template_roots(one)
        elif isinstance(one, list):
            pending.extend(one)
        elif isinstance(one, dict):
            pending.extend(one.values())
    return found


@functools.lru_cache(maxsize=4096)
def _template_roots(text: str) -> frozenset[str]:
    found: set[str] = set()
    for part in compile_template(text).parts:
        if isinstance(part, tuple):
            _roots(part, found)
    return frozenset(found)


def _roots(node: Node, found: set[str]) -> None:
    match node:
        case ("member", ("name", "vars" | "params" | "envs" as owner), str(name)):
            found.add(name if owner == "vars" else f"{owner}.{name}")
        case ("index", ("name", "vars" | "params" | "envs" as owner), ("literal", str(name))):
            found.add(name if owner == "vars" else f"{owner}.{name}")
        case ("name", str(name)):
            found.add(ALL_VARIABLES if name in ("vars", "params") else name)
        case _:
            for inner in node[1:]:
                if isinstance(inner, tuple):
                    for one in (inner,) if inner and isinstance(inner[0], str) else inner:
                        if isinstance(one, tuple):
                            _roots(one, found)
