"""Finds texts that people would see and that no translator is asked for: in templates, scripts and Python.

Templates are read exactly. Scripts and Python are read by what a text looks like (it begins like a sentence,
or has two words) and by where it stands; what only looks so has its line in `KEPT`, with the reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.template.base import Lexer, TokenType

from tests.words.extraction import PYTHON

# Words that are the same in every language: names of products and protocols, units, formats.
SAME = {
    "Callwright", "PostgreSQL", "Redis", "SIP", "CPU", "URL", "SWML", "ms", "JSON", "MOS", "https", "example",
    "com", "calls",
}  # fmt: skip
ATTRIBUTES = ("title", "placeholder", "aria-label", "alt", "data-label", "aria-description", "label")
UNSEEN = ("script", "style", "svg", "code")
KEPT = {
    "The body is not JSON.": "for a script, never shown",
    "Sign in first.": "of a handshake that is refused: no page shows it",
    "Content-Type": "a header", "Authorization": "a header", "X-CSRFToken": "a header", "X-Part": "a header",
    "X-Total-Rows": "a header", "Content-Disposition": "a header", "Retry-After": "a header", "Etc": "a zone",
    "Cache-Control": "a header", "Access-Control-Allow-Origin": "a header", "Content-Language": "a header",
    "Content-Security-Policy": "a header", "Permissions-Policy": "a header", "Referrer-Policy": "a header",
    "Accept": "a header", "Referer": "a header", "REMOTE_ADDR": "a header", "Last-Modified": "a header",
    "NotAllowedError": "a name of the browser", "Notification": "a name of the browser",
    "PushManager": "a name of the browser", "Bearer": "a header", "note bad": "a class",
    "CallwrightBrowser": "a name", "AbortError": "a name of the browser",
    "InvalidStateError": "a name of the browser", "SecurityError": "a name of the browser",
    "peaks done": "a class", "identity provider: %s": "a line of the log",
    "Too many are signing in at this moment; try again.": "translated where it is shown: refusals.MESSAGES",
    "Signing in takes too long now; try again.": "translated where it is shown: refusals.MESSAGES",
    "New project": "a stored name", "API token": "a stored name",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]{2,}")
_SENTENCE = re.compile(r"^\s*[A-Z][a-z]+|[A-Za-z]{2,} [a-z]{2,}|^[a-z]{2,} [a-z]{2,}")
_SHOWING = re.compile(r"\|(?:default|default_if_none|yesno|add|pluralize|moment):(\"[^\"]*\"|'[^']*')")
_GIVEN = re.compile(r"\s\w+=(\"[^\"]*\"|'[^']*')")
_VALUE, _MARKED = "\ue000", "\ue001"


def words_in(text: str) -> set[str]:
    return set(_WORD.findall(text))


def is_text(text: str) -> bool:
    return not words_in(text) <= SAME


# --- templates ----------------------------------------------------------------------------------------


def in_template(source: str) -> list[str]:
    """`line 3: Save` for each text or attribute that no tag and no `_("…")` marks."""
    plain, found, inside = "", [], False
    for token in Lexer(source).tokenize():
        word = token.contents.split(" ", 1)[0]
        if inside:
            plain += "\n" * token.contents.count("\n")
            inside = not (token.token_type == TokenType.BLOCK and word == "endblocktranslate")
        elif token.token_type == TokenType.TEXT:
            plain += token.contents
        elif token.token_type == TokenType.BLOCK and word in ("translate", "blocktranslate"):
            plain += _MARKED
            inside = word == "blocktranslate"
        else:
            plain += _VALUE if token.token_type == TokenType.VAR else ""
        if token.token_type in (TokenType.VAR, TokenType.BLOCK) and not inside:
            literals = _SHOWING.findall(token.contents)
            literals += _GIVEN.findall(token.contents) if word in ("include", "with") else []
            found += [
                f"line {token.lineno}: {each[1:-1]}" for each in literals if is_text(each) and "/" not in each
            ]
    reader = _Html()
    reader.feed(plain)
    return found + reader.found


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.unseen: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN or self.unseen:
            self.unseen.append(tag) if tag in UNSEEN else None
        for name, value in attributes:
            if name in ATTRIBUTES and value and is_text(value):
                self.found.append(f"line {self.getpos()[0]}: {name}={value!r}")

    def handle_endtag(self, tag: str) -> None:
        if self.unseen and self.unseen[-1] == tag:
            self.unseen.pop()

    def handle_data(self, data: str) -> None:
        # A template that holds attributes alone has no element around them.
        data = re.sub(r'[\w-]+="[^"]*"', "", data)
        if not self.unseen and is_text(data):
            self.found.append(f"line {self.getpos()[0]}: {' '.join(data.split())}")


# --- scripts ------------------------------------------------------------------------------------------

TRANSLATORS = ("t", "tn", "marked")
# What follows these names is for programs: classes, selectors, kinds, keys, names of events.
FOR_PROGRAMS = {
    "className", "querySelector", "querySelectorAll", "closest", "matches", "addEventListener",
    "createElement", "getElementById", "byId", "getItem", "setItem", "removeItem", "import", "from", "rel",
    "type", "method", "credentials", "headers", "cookie", "setAttribute", "getAttribute", "removeAttribute",
    "hasAttribute", "target", "endsWith", "startsWith", "replace", "d",
}  # fmt: skip


_TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)
    |(?P<pattern>(?<=[(,=:\[!&|?{};])\s*/(?![/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*)
    |(?P<name>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)
    |(?P<sign>\S)
    """,
    re.VERBOSE | re.DOTALL,
)


def in_script(source: str) -> list[str]:
    """`line 3: Save` for each string that looks like a text and is no argument of `t`, `tn` or `marked`."""
    tokens = [each for each in _TOKEN.finditer(source) if each.lastgroup != "comment"]
    found = []
    for at, token in enumerate(tokens):
        if token.lastgroup != "string":
            continue
        text = re.sub(r"\$\{[^}]*\}?", " ", token[0][1:-1])
        if not _SENTENCE.search(text) or not is_text(text) or text.strip() in KEPT:
            continue
        before = [each[0] for each in tokens[max(0, at - 4) : at]]
        if before[-1:] == ["("] and before[-2:-1] and before[-2].split(".")[-1] in TRANSLATORS:
            continue
        if before[-1:] == [","] and before[-3:-2] == ["("] and before[-4:-3] == ["tn"]:
            continue
        if any(each.split(".")[-1] in FOR_PROGRAMS for each in before[-2:]):
            continue
        found.append(f"line {source.count(chr(10), 0, token.start()) + 1}: {text.strip()}")
    return found


# --- Python -------------------------------------------------------------------------------------------

MARKS = tuple(PYTHON)
SHOWN_BY = (
    "success",
    "error",
    "warning",
    "info",
    "ask",
    "Wrong",
    "PermissionDenied",
    "ValidationError",
    "refused",
)


def in_module(source: str) -> list[str]:
    """`line 3: Saved.` for each text that looks like a sentence, or is handed to what shows it."""
    tree = ast.parse(source)
    passed = {id(each) for each in _docstrings(tree)} | {id(each) for each in _marked(tree)}
    shown = {
        id(part)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _name(call.func) in SHOWN_BY
        for argument in call.args
        for part in (argument.values if isinstance(argument, ast.JoinedStr) else [argument])
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in passed:
            continue
        text = node.value
        sentence = re.match(r"[A-Z][a-z']* [a-z0-9]", text) is not None
        if text not in KEPT and is_text(text) and (sentence or (id(node) in shown and "/" not in text)):
            found.append(f"line {node.lineno}: {text}")
    return found


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _marked(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in MARKS:
            yield from (each for argument in node.args for each in ast.walk(argument))
