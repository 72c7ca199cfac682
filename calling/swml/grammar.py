"""The grammar of SWML expressions: text to a tree, in linear time. Pure.

A subset of JavaScript expressions: literals, names, members, indexes, calls, arrays, unary `! - + typeof`,
`* / %`, `+ -`, comparisons, `== != === !==`, `&& || ??` and `?:`. No assignment, functions, objects, regular
expressions or template literals. What a tree means is in `expressions`; what values do is in `values`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 4096
MAX_TOKENS: Final = 600
MAX_DEPTH: Final = 32

Node = tuple[object, ...]
"""('literal', value) ('name', text) ('member', node, text) ('index', node, node) ('call', node, (nodes))
('array', (nodes)) ('unary', op, node) ('binary', op, node, node) ('choose', node, node, node)"""


class BadExpression(ValueError):
    """An expression that is not in the grammar; the text says what is wrong in it."""


_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
    (?P<number>0[xX][0-9a-fA-F]{1,13}|(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?)
    |(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<op>===|!==|\?\?|\?\.(?![0-9])|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]])
    )""",
    re.VERBOSE,
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": ""}
_BINARY: Final = {
    "??": 1, "||": 2, "&&": 3, "==": 4, "!=": 4, "===": 4, "!==": 4, "<": 5, ">": 5, "<=": 5, ">=": 5,
    "+": 6, "-": 6, "*": 7, "/": 7, "%": 7,
}  # fmt: skip
_WORDS: Final = {"true": True, "false": False, "null": None, "undefined": None}


def _unescape(quoted: str) -> str:
    def one(match: re.Match[str]) -> str:
        word = match.group(1)
        if word[0] in "ux" and len(word) > 1:
            code = int(word[1:], 16)
            return "\ufffd" if 0xD800 <= code < 0xE000 or code == 0 else chr(code)
        return _ESCAPES.get(word, word)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", one, quoted[1:-1], flags=re.DOTALL)


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"an expression is at most {MAX_LENGTH} characters")
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip(" \t\r\n"))
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadExpression(f"unexpected {text[at : at + 12].strip()!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        if len(found) > MAX_TOKENS:
            raise BadExpression("the expression is too long")
        at = match.end()
    return found


@dataclass
class _Parser:
    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = 0

    def peek(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) and self.kind() == "op" else None

    def kind(self) -> str | None:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self, op: str) -> None:
        if self.peek() != op:
            got = repr(self.tokens[self.at][1][:20]) if self.at < len(self.tokens) else "the end"
            raise BadExpression(f"expected {op!r}, found {got}")
        self.at += 1

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BadExpression(f"the expression nests deeper than {MAX_DEPTH}")

    def expression(self) -> Node:
        self.deeper()
        node = self.binary(1)
        if self.peek() == "?":
            self.at += 1
            yes = self.expression()
            self.take(":")
            node = ("choose", node, yes, self.expression())
        self.depth -= 1
        return node

    def binary(self, floor: int) -> Node:
        left = self.unary()
        while (op := self.peek()) is not None and (level := _BINARY.get(op, 0)) >= floor:
            self.at += 1
            left = ("binary", op, left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        signs: list[str] = []
        while self.peek() in ("!", "-", "+") or (
            self.kind() == "name" and self.tokens[self.at][1] == "typeof"
        ):
            signs.append(self.tokens[self.at][1])
            self.at += 1
            if len(signs) > MAX_DEPTH:
                raise BadExpression(f"the expression nests deeper than {MAX_DEPTH}")
        node = self.postfix()
        for sign in reversed(signs):
            node = ("unary", sign, node)
        return node

    def postfix(self) -> Node:
        node = self.primary()
        links = 0
        while (op := self.peek()) in (".", "?.", "[", "("):
            links += 1
            if links > MAX_DEPTH:
                raise BadExpression(f"the expression nests deeper than {MAX_DEPTH}")
            self.at += 1
            if op in (".", "?."):
                if self.peek() == "[":  # "a.['b']", seen in published examples
                    continue
                if self.kind() != "name":
                    raise BadExpression("expected a name after '.'")
                node = ("member", node, self.tokens[self.at][1])
                self.at += 1
            elif op == "[":
                node = ("index", node, self.expression())
                self.take("]")
            else:
                node = ("call", node, self.items(")"))
        return node

    def items(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while self.peek() != closing:
            if found:
                self.take(",")
            found.append(self.expression())
        self.at += 1
        return tuple(found)

    def primary(self) -> Node:
        if self.at >= len(self.tokens):
            raise BadExpression("the expression ends too early")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return ("literal", _number(text))
        if kind == "text":
            return ("literal", _unescape(text))
        if kind == "name":
            return ("literal", _WORDS[text]) if text in _WORDS else ("name", text)
        if text == "(":
            node = self.expression()
            self.take(")")
            return node
        if text == "[":
            return ("array", self.items("]"))
        raise BadExpression(f"unexpected {text!r}")


def _number(text: str) -> int | float:
    if text[:2].lower() == "0x":
        return int(text, 16)
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= 2**53 else number


def parse_expression(text: str) -> Node:
    """The tree of an expression. Raises BadExpression."""
    parser = _Parser(_tokens(text))
    node = parser.expression()
    if parser.at < len(parser.tokens):
        raise BadExpression(f"unexpected {parser.tokens[parser.at][1][:20]!r}")
    return node
