"""Every reference to a page of `docs/` leads to a page and an anchor that exist.

In code a reference is `docs/page.md#anchor`; in a page it is a relative link. Anchors are the headings by
GitHub's rule and the explicit `<a id="…">`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from config.env import ROOT

_REFERENCE = re.compile(r"\bdocs/((?:[\w-]+/)*[\w-]+\.md)(?:#([\w-]+))?")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*#*$", re.MULTILINE)
_ID = re.compile(r'<a id="([^"]+)"></a>')
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Numbers of documents that are not in the repository.
_DANGLING = re.compile(r"\b[Cc]ontract,? (?:section )?\d|\bR\d{1,2}\b|\bDESIGN\b|\bHOUSE\b|\b[Gg]otcha \d")


def files(*suffixes: str) -> Iterator[Path]:
    """The repository's own files with these suffixes; nothing hidden, installed or collected."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if any(part.startswith(".") or part in ("node_modules", "static-collected") for part in parts):
            continue
        if path.suffix in suffixes and path.is_file() and path != Path(__file__):
            yield path


PAGES = list(files(".md"))


def slug(heading: str) -> str:
    """GitHub's anchor of a heading: lower case, no punctuation, hyphens for spaces."""
    text = re.sub(r"<[^>]*>|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    text = _FENCE.sub("", page.read_text())
    found = set(_ID.findall(text))
    for name in map(slug, _HEADING.findall(text)):
        repeats = sum(1 for each in found if re.fullmatch(rf"{re.escape(name)}(-\d+)?", each))
        found.add(f"{name}-{repeats}" if name in found else name)
    return frozenset(found)


def fault(page: Path, anchor: str | None) -> str | None:
    """Why a reference leads nowhere; None where it is right."""
    if not page.exists():
        return "no such file"
    if anchor and page.suffix == ".md" and anchor not in anchors(page):
        return f"no anchor #{anchor}"
    return None


def wrong_references(text: str) -> list[str]:
    found = ((match[0], fault(ROOT / "docs" / match[1], match[2])) for match in _REFERENCE.finditer(text))
    return [f"{reference}: {why}" for reference, why in found if why]


def wrong_links(page: Path) -> list[str]:
    wrong = []
    for target in _LINK.findall(_FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        why = fault((page.parent / name).resolve() if name else page, anchor or None)
        if why:
            wrong.append(f"{target}: {why}")
    return wrong


def test_every_reference_in_the_code_resolves() -> None:
    sources = [path for path in files(".py", ".js", ".mjs", ".sh") if "docs/" in path.read_text()]
    wrong = {str(path.relative_to(ROOT)): wrong_references(path.read_text()) for path in sources}
    assert {path: found for path, found in wrong.items() if found} == {}
    assert sum(len(_REFERENCE.findall(path.read_text())) for path in sources) > 50


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_resolves(page: Path) -> None:
    assert wrong_links(page) == []
    assert wrong_references(_FENCE.sub("", page.read_text())) == []


def test_no_document_is_cited_that_is_not_here() -> None:
    dangling = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files(".py", ".js", ".mjs", ".sh", ".html", ".css")
        for match in _DANGLING.finditer(re.sub(_REFERENCE, "", path.read_text()))
    }
    assert sorted(dangling) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("see docs/contract.md#calls", []),
        (
            "see docs/contract.md#no-such-section",
            ["docs/contract.md#no-such-section: no anchor #no-such-section"],
        ),
        ("see docs/no-such-page.md", ["docs/no-such-page.md: no such file"]),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text: str, wrong: list[str]) -> None:
    assert wrong_references(text) == wrong


def test_anchors_are_those_of_headings_and_of_ids(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    headings = "# A page\n\n## Who it is for, and when not\n\n## Again\n\n## Again\n"
    page.write_text(headings + '<a id="r1"></a>\n```sh\n# no heading\n```\n')
    assert anchors(page) == {"a-page", "who-it-is-for-and-when-not", "again", "again-1", "r1"}
