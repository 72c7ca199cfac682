"""Clients that three generators make of /api/schema, against a real instance and a phone that listens.

A generator that does not install here is skipped with its reason.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.instance import Instance
from tests.clients.conftest import HERE
from tests.clients.phone import AnsweringPhone
from tests.clients.session import PROGRAMS, go_through

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(900)]
Phone = Callable[[str], AnsweringPhone]
STRICT = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "noEmitOnError": True,
    "module": "nodenext",
    "target": "es2022",
    "outDir": "out",
    "types": ["node"],
    "skipLibCheck": False,
}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.mark.skipif(
    importlib.util.find_spec("openapi_python_client") is None,
    reason="needs the openapi-python-client package",
)
def test_openapi_python_client(document: Path, running: Instance, phone: Phone, tmp_path: Path) -> None:
    made = run(
        sys.executable, "-m", "openapi_python_client", "generate", "--path", document,
        "--output-path", tmp_path / "cw_generated", "--meta", "none",
    )  # fmt: skip
    assert "omitted" not in made and "Cannot parse" not in made, made
    program = PROGRAMS / "openapi_python_client_session.py"
    go_through([sys.executable, program], running, phone, "rhea", PYTHONPATH=str(tmp_path))


@pytest.mark.skipif(
    importlib.util.find_spec("openapi_generator_cli") is None,
    reason="needs the openapi-generator-cli package",
)
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: Debian's default-jre-headless")
def test_openapi_generator(document: Path, running: Instance, phone: Phone, tmp_path: Path) -> None:
    quiet = "apiDocs=false,modelDocs=false,apiTests=false,modelTests=false,apis,models,supportingFiles"
    started = (
        "import sys, openapi_generator_cli; sys.exit(openapi_generator_cli.run(sys.argv[1:]).returncode)"
    )
    run(
        sys.executable, "-c", started, "generate", "-g", "python", "-i", document,
        "-o", tmp_path, "--package-name", "cw_client", "--global-property", quiet,
    )  # fmt: skip
    program = PROGRAMS / "openapi_generator_session.py"
    go_through([sys.executable, program], running, phone, "theo", PYTHONPATH=str(tmp_path))


def test_openapi_typescript(
    document: Path, npm_programs: Path, running: Instance, phone: Phone, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": STRICT, "files": ["openapi_typescript_session.ts"]})
    )
    shutil.copy(PROGRAMS / "openapi_typescript_session.ts", tmp_path)
    run(npm_programs / "openapi-typescript", document, "-o", tmp_path / "schema.d.ts")
    run(npm_programs / "tsc", "-p", tmp_path, cwd=tmp_path)
    go_through(["node", tmp_path / "out" / "openapi_typescript_session.js"], running, phone, "vera")
