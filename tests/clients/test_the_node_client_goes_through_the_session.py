"""`@callwright/client`: it compiles with `strict`, packs, and its tarball goes through the session."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.instance import Instance
from tests.clients.conftest import HERE, last_line
from tests.clients.phone import AnsweringPhone
from tests.clients.session import PROGRAMS, go_through

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(600)]
PACKAGE = Path(__file__).parents[2] / "clients" / "typescript"


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def project(npm_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the tarball installed: packed, unpacked, beside the packages that it needs."""
    work = tmp_path_factory.mktemp("node-client")
    source = work / "source"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (source / "node_modules").symlink_to(HERE / "node_modules")
    run(npm_programs / "tsc", "-p", source, cwd=source)
    (packed,) = json.loads(run("npm", "pack", "--json", "--ignore-scripts", cwd=source))
    names = {each["path"] for each in packed["files"]}
    assert {"package.json", "README.md", "dist/index.js", "dist/index.d.ts", "dist/types.d.ts"} <= names
    assert not any(name.startswith("src/") for name in names)
    project = work / "project"
    modules = project / "node_modules"
    modules.mkdir(parents=True)
    for each in ("ws", "@types", "undici-types"):
        (modules / each).symlink_to(HERE / "node_modules" / each)
    with tarfile.open(source / packed["filename"]) as archive:
        archive.extractall(work, filter="data")
    (modules / "@callwright").mkdir()
    (work / "package").rename(modules / "@callwright" / "client")
    (project / "package.json").write_text('{"type": "module"}')
    options = json.loads((PACKAGE / "tsconfig.json").read_text())["compilerOptions"]
    kept = {name: value for name, value in options.items() if name not in ("rootDir", "declaration")}
    (project / "tsconfig.json").write_text(
        json.dumps(
            {"compilerOptions": kept | {"outDir": "dist", "noUnusedLocals": False}, "include": ["*.ts"]}
        )
    )
    return project


def test_the_client(
    project: Path, npm_programs: Path, running: Instance, phone: Callable[[str], AnsweringPhone]
) -> None:
    shutil.copy(PROGRAMS / "typescript_session.ts", project)
    blocks = re.findall(r"```ts\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        (project / f"readme{number}.ts").write_text(block)
    # A field that the API does not know must not compile: then tsc finds the directive unused.
    (project / "wrong.ts").write_text(
        "import { Callwright } from '@callwright/client';\n"
        "// @ts-expect-error\n"
        "await new Callwright().calls.dial({ to: '/private/bob', conect: '/public/echo' });\n"
    )
    run(npm_programs / "tsc", "-p", project, cwd=project)
    go_through(["node", project / "dist" / "typescript_session.js"], running, phone, "nora")


CHECKS = PROGRAMS / "typescript_checks.mjs"


def test_every_attempt_has_the_same_key_and_signatures_are_held_to(project: Path) -> None:
    shutil.copy(CHECKS, project)
    told = last_line(run("node", project / "typescript_checks.mjs", cwd=project))
    assert told == {
        "calls": ["c1", 4, 1],
        "own key": "mine",
        "at once": [422, "unknown_parameter", "too", 1],
        "given up": [503, 3],
        "away": "Unreachable",
        "path": "/api/rooms/a%2Fb%3Fc%23%C3%A9/lock",
        "pages": ["1", "2", "3"],
        "good": "call.ended",
        "rotated": "call.ended",
        "refused": 9,
        "no key": True,
    }
