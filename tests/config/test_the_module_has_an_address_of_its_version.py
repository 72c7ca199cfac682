"""`/static/callwright-<version>/callwright.js`: the module of that version, kept by browsers for ever."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from typing import Any

from django.conf import settings
from django.test import Client

from calling.dashboard.pages.phone_module import FILES, STATIC
from config.env import ROOT

VERSION = settings.SPECTACULAR_SETTINGS["VERSION"]


def get(path: str) -> Any:
    return Client().get(path, headers={"Origin": "https://shop.example"})


def test_every_file_of_the_module_is_there_and_may_be_kept_by_pages_of_any_host() -> None:
    for name in FILES:
        answer = get(f"/static/callwright-{VERSION}/{name}")
        assert answer.status_code == 200 and answer.content == (STATIC / name).read_bytes()
        assert answer["Content-Type"].startswith("text/javascript")
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer["Access-Control-Allow-Origin"] == "*"


def test_what_it_imports_is_of_the_same_version() -> None:
    reached = set()
    for name in FILES:
        text = (STATIC / name).read_text()
        for target in re.findall(r"^(?:import|export) [^'\n]*from '([^']+)'", text, re.MULTILINE):
            assert target.startswith("."), (name, target)
            reached.add(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)))
    assert reached == set(FILES) - {"callwright.js"}


def test_another_version_and_another_file_are_not_there() -> None:
    for path in (
        "callwright-0.0.1/callwright.js",
        f"callwright-{VERSION}/phone/main.js",
        f"callwright-{VERSION}/x",
    ):
        answer = get(f"/static/{path}")
        assert answer.status_code == 404 and "immutable" not in answer.get("Cache-Control", "")
    assert Client().post(f"/static/callwright-{VERSION}/callwright.js").status_code == 405


def test_one_version_stands_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    packages = [
        json.loads((ROOT / "clients" / name / "package.json").read_text())
        for name in ("browser", "typescript")
    ]
    python = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text())["project"]["version"]
    assert {project, python, *(each["version"] for each in packages)} == {VERSION}
