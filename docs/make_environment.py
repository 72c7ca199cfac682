"""Keeps the one table of variables: `python docs/make_environment.py` writes it into README.md.

The names, and the defaults that are plain numbers, come from the code that reads them (`config/env.py`); the
words are those of docs/configuration.md, which has the same rows. A name that only one of the two has, or
another default, ends it.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"(?:CALLWRIGHT_[A-Z_]*[A-Z]|DATABASE_(?:REPLICA_)?URL|REDIS_URL)")
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", re.MULTILINE)
TABLE = re.compile(r"(?:^\| `(?:CALLWRIGHT_|DATABASE_|REDIS_URL)[^\n]*\n)+", re.MULTILINE)


class Untrue(Exception):
    """The page and the code differ; the text says where."""


def read_by_the_code(source: str) -> dict[str, int | None]:
    """Each variable that env.py reads, with its default where that is a number written there."""
    found: dict[str, int | None] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
            found.setdefault(node.value, None)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "number":
            name, default = (each.value if isinstance(each, ast.Constant) else None for each in node.args[:2])
            if isinstance(name, str) and isinstance(default, int):
                found[name] = default
    return found


def rows(page: str) -> dict[str, tuple[str, str]]:
    return {name: (default, words) for name, default, words in ROW.findall(page) if NAME.fullmatch(name)}


def table(source: str, page: str) -> str:
    """The rows for README.md. Raises Untrue."""
    known, told = read_by_the_code(source), rows(page)
    if missing := set(known) ^ set(told):
        raise Untrue(
            f"read by the code or told by docs/configuration.md, but not both: {', '.join(sorted(missing))}"
        )
    wrong = [
        name
        for name, default in known.items()
        if default is not None and told[name][0].split()[0] != str(default)
    ]
    if wrong:
        raise Untrue(f"the default of the code is another: {', '.join(sorted(wrong))}")
    found = "".join(f"| `{name}` | {default} | {words} |\n" for name, (default, words) in told.items())
    return re.sub(r"\]\((?!https?:|#)([^)]+)\)", r"](docs/\1)", found)


def written(readme: str, source: str, page: str) -> str:
    """README.md with the table as it must be."""
    wanted = table(source, page)
    if len(TABLE.findall(readme)) != 1:
        raise Untrue("README.md must have the rows of the variables once, one after the other")
    return TABLE.sub(lambda _: wanted, readme)


def main() -> int:
    readme = ROOT / "README.md"
    source = (ROOT / "config" / "env.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    try:
        readme.write_text(written(readme.read_text(encoding="utf-8"), source, page), encoding="utf-8")
    except Untrue as fault:
        print(f"make_environment: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
