"""redocly (recommended rules) and spectral (`spectral:oas`) find no error in /api/schema."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import HERE, install
from tests.support import rest_client

pytestmark = [pytest.mark.family, pytest.mark.soak_only, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    "command",
    [
        ("redocly", "lint", "openapi.json"),
        ("spectral", "lint", "openapi.json", "--ruleset", str(HERE / "lint" / ".spectral.yaml")),
    ],
    ids=lambda command: command[0],
)
def test_it_finds_no_error(db: None, command: tuple[str, ...], tmp_path: Path) -> None:
    programs = install(HERE / "lint")
    (tmp_path / "openapi.json").write_bytes(rest_client.client().get("/api/schema?format=json").content)
    done = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
