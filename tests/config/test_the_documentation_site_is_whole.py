"""`make docs`: every page, event and operation is there, no link is dead, nothing comes from elsewhere."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from calling.calls.event_types import TYPES
from config.env import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(600)]
# What a browser fetches by itself; a link to another site is only followed.
_FETCHED = re.compile(
    r'<(?:script|img|iframe|link rel="?(?:stylesheet|preload|icon))[^>]+(?:src|href)="?https?://'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("material") is None:
        pytest.skip("needs the mkdocs-material package")
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "docs/make_site.py", str(directory)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540, check=False)
    assert built.returncode == 0, built.stderr[-4000:]  # --strict: a dead link or anchor ends it
    return directory


def test_it_has_every_page_event_and_operation_and_needs_no_network(site: Path) -> None:
    there = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {f"{name}.html" for name in pages} <= there
    assert {f"events/{name}.html" for name in TYPES} <= there
    told = (site / "reference.html").read_text()
    for request in ("POST /api/calls", "PATCH /api/webhooks/{webhook_id}", "GET /api/history"):
        assert request in told
    assert told.count("<h3") > 140
    answered = (site / "events" / "call.answered.html").read_text()
    assert "duration_ms" in answered and "leg_id" in answered
    collected = (site / "events" / "collect.finished.html").read_text()
    assert all(word in collected for word in ("control_id", "what was entered", "Example", "no_input"))
    recipe = (site / "recipes" / "ivr_menu.html").read_text()
    assert "def" in recipe and "initial_timeout" in recipe  # the program itself
    fetched = {page: found[0] for page in there if (found := _FETCHED.findall((site / page).read_text()))}
    assert fetched == {}
    index = json.loads((site / "search" / "search_index.json").read_text())
    assert any("Idempotency-Key" in each["text"] for each in index["docs"])


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_site", ROOT / "docs" / "make_site.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DEEP = "/".join(("docs", "deep", "sip.md"))  # a page that is not there


def test_links_lead_to_the_pages_of_the_site_and_code_is_left_alone() -> None:
    known = {
        "README.md": "index.md",
        "docs/rest.md": "rest.md",
        DEEP: "deep/sip.md",
    }
    moved = script().moved
    assert moved("[a](docs/rest.md#keys)", "README.md", known) == "[a](rest.md#keys)"
    assert moved("[a](../rest.md) [b](#c)", DEEP, known) == "[a](../rest.md) [b](#c)"
    assert moved("[a](../docker/x.json) [b](https://x.example/)", "docs/rest.md", known) == (
        "a [b](https://x.example/)"
    )
    fenced = "```\n[a](docs/rest.md)\n```"
    assert moved(fenced, "README.md", known) == fenced


def test_an_option_is_no_directory_to_build_into(tmp_path: Path) -> None:
    for option, status in (("--help", 0), ("--nothing", 2)):
        command = [sys.executable, str(ROOT / "docs" / "make_site.py"), option]
        assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == status
    assert list(tmp_path.iterdir()) == []
