"""`@callwright/phone`: callwright.js packs with types, and a TypeScript page compiles against the tarball."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from config.env import ROOT
from tests.clients.test_the_node_client_goes_through_the_session import run

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(600)]
STATIC = Path("calling/dashboard/static")
STRICT = {
    "strict": True,
    "module": "es2022",
    "moduleResolution": "bundler",
    "target": "es2022",
    "lib": ["es2022", "dom", "dom.iterable"],
    "types": [],
    "noEmit": True,
}


def test_a_page_compiles_against_the_package(npm_programs: Path, tmp_path: Path) -> None:
    source = tmp_path / "clients" / "browser"
    shutil.copytree(
        ROOT / "clients" / "browser", source, ignore=shutil.ignore_patterns("node_modules", "dist")
    )
    (tmp_path / STATIC).mkdir(parents=True)
    shutil.copy(ROOT / STATIC / "callwright.js", tmp_path / STATIC)
    shutil.copytree(ROOT / STATIC / "callwright", tmp_path / STATIC / "callwright")
    run(npm_programs / "tsc", "-p", source, cwd=source)
    (packed,) = json.loads(run("npm", "pack", "--json", "--ignore-scripts", cwd=source))
    names = {each["path"] for each in packed["files"]}
    modules = ("callwright", "callwright/call", "callwright/emitter", "callwright/tabs")
    assert {f"dist/{name}.{kind}" for name in modules for kind in ("js", "d.ts")} <= names
    project = tmp_path / "project"
    (project / "node_modules" / "@callwright").mkdir(parents=True)
    with tarfile.open(source / packed["filename"]) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "package").rename(project / "node_modules" / "@callwright" / "phone")
    (readme,) = re.findall(r"```ts\n(.*?)```", (source / "README.md").read_text(), re.DOTALL)
    wrong = "// @ts-expect-error\nawait phone.call('/private/bob', { vidio: true });\n"
    (project / "page.ts").write_text(readme + wrong)
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "files": ["page.ts"]}))
    run(npm_programs / "tsc", "-p", project, cwd=project)
