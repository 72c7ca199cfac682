"""Finds the texts that are marked for translation: in templates, in Python and in scripts.

A text is known by (context, text, plural); context and plural are empty where there is none. Locations are
paths without lines, so that a catalogue changes only where a text does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.template.base import Lexer, TokenType
from django.utils.translation import trim_whitespace

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "calling/dashboard"
LOCALE = DASHBOARD / "locale"

# "c" context, "s" text, "p" plural: what the arguments are.
PYTHON = {
    "gettext": "s", "gettext_lazy": "s", "gettext_noop": "s", "_": "s", "ngettext": "sp",
    "ngettext_lazy": "sp", "pgettext": "cs", "pgettext_lazy": "cs",
}  # fmt: skip
_QUOTED = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_TRANSLATE = re.compile(rf"(?:translate|trans)\s+{_QUOTED}(?:.*?\scontext\s+{_QUOTED})?")
_CONSTANT = re.compile(rf"""_\(\s*{_QUOTED}\s*\)""")
_CONTEXT = re.compile(rf"\scontext\s+{_QUOTED}")
_SCRIPT = re.compile(rf"(?<![\w.$])(t|tn|marked)\(\s*{_QUOTED}(?:\s*,\s*{_QUOTED})?")


class Text(NamedTuple):
    context: str
    text: str
    plural: str


Found = dict[Text, set[str]]


def templates() -> list[Path]:
    return sorted(DASHBOARD.glob("templates/**/*.html"))


def modules() -> list[Path]:
    return sorted(DASHBOARD.glob("**/*.py"))


def scripts(folder: str) -> list[Path]:
    return sorted((DASHBOARD / "static" / folder).glob("*.js"))


def domains() -> dict[str, Found]:
    """The catalogues and what is in each: `django` for the server, one for the scripts of each page."""
    return {
        "django": collected((path, read(path)) for path in templates() + modules()),
        "phone": collected((path, read(path)) for path in scripts("phone")),
        "staff": collected((path, read(path)) for path in scripts("dashboard")),
    }


def read(path: Path) -> list[Text]:
    text = path.read_text()
    return list({".html": of_template, ".py": of_module, ".js": of_script}[path.suffix](text))


def collected(found: Iterator[tuple[Path, list[Text]]]) -> Found:
    all: Found = {}
    for path, texts in found:
        for each in texts:
            all.setdefault(each, set()).add(str(path.relative_to(ROOT)))
    return all


def of_template(source: str) -> Iterator[Text]:
    """As `{% translate %}`, `{% blocktranslate %}` and `_("…")` look them up: with `%` doubled."""
    block: dict[str, str] | None = None
    for token in Lexer(source).tokenize():
        word = token.contents.split(" ", 1)[0]
        if block is not None:
            if word == "endblocktranslate" and token.token_type == TokenType.BLOCK:
                trimmed = [
                    trim_whitespace(block[name]) if block["trimmed"] else block[name] for name in ("s", "p")
                ]
                yield Text(block["context"], *trimmed)
                block = None
            elif word == "plural" and token.token_type == TokenType.BLOCK:
                block["into"] = "p"
            elif token.token_type == TokenType.VAR:
                block[block["into"]] += f"%({token.contents})s"
            elif token.token_type == TokenType.TEXT:
                block[block["into"]] += token.contents.replace("%", "%%")
            continue
        if token.token_type not in (TokenType.VAR, TokenType.BLOCK):
            continue
        for given in _CONSTANT.finditer(token.contents):
            yield Text("", unquoted(given[1]).replace("%", "%%"), "")
        if token.token_type == TokenType.BLOCK and word == "blocktranslate":
            context = _CONTEXT.search(token.contents)
            block = {"s": "", "p": "", "into": "s", "context": unquoted(context[1]) if context else ""}
            block["trimmed"] = "yes" if " trimmed" in token.contents else ""
        elif token.token_type == TokenType.BLOCK and (given := _TRANSLATE.match(token.contents)):
            yield Text(unquoted(given[2] or "''"), unquoted(given[1]).replace("%", "%%"), "")


def of_module(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        shape = PYTHON.get(node.func.id)
        values = [each.value for each in node.args if isinstance(each, ast.Constant)]
        given = [each for each in values if isinstance(each, str)]
        if shape is None or len(given) < len(shape):
            continue
        parts = dict(zip(shape, given, strict=False))
        yield Text(parts.get("c", ""), parts["s"], parts.get("p", ""))


def of_script(source: str) -> Iterator[Text]:
    for call, text, second in _SCRIPT.findall(source):
        yield Text("", unquoted(text), unquoted(second) if call == "tn" else "")


def unquoted(literal: str) -> str:
    """The value of a quoted literal of a template or a script: both know `\\'`, and here nothing else."""
    return literal[1:-1].replace("\\'", "'").replace('\\"', '"').replace("\\\\", "\\")
