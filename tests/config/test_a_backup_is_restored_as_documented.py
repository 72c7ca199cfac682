"""The commands of docs/operations.md, word for word, on an embedded server that is in use meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import paths, postgres
from config.env import ROOT
from tests.engines import Engine

pytestmark = [pytest.mark.processes]

CHAPTER = re.compile(r"^## Backup and restore$(.*?)^(?:## |<a id)", re.M | re.S)


@pytest.fixture
def home() -> Iterator[Path]:
    """Where somebody has installed the product; the engines' user may pass through."""
    path = Path(tempfile.mkdtemp(prefix="callwright-backup-"))
    path.chmod(0o711)
    (path / ".venv").symlink_to(ROOT / ".venv")
    yield path
    shutil.rmtree(paths.engines_directory(path / ".callwright"), ignore_errors=True)
    shutil.rmtree(path, ignore_errors=True)


def rows(data_dir: Path) -> list[int]:
    with psycopg.connect(paths.postgres_url(data_dir)) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n")]


def test_what_was_backed_up_is_back_while_processes_are_connected(home: Path) -> None:
    found = CHAPTER.search((ROOT / "docs/operations.md").read_text())
    assert found is not None
    backup, swap = re.findall(r"^```sh[^\n]*\n(.*?)^```$", found[1], re.M | re.S)
    data = home / ".callwright"
    for name in ("recordings/a.wav", "secret.key", "certificates/ca.pem"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    engine = Engine(postgres.prepare(data, durable=False))
    engine.start()
    try:
        assert paths.engines_directory(data).is_relative_to(data)
        with psycopg.connect(paths.postgres_url(data)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        run(home, backup)
        with psycopg.connect(paths.postgres_url(data)) as connection:
            connection.execute("INSERT INTO kept VALUES (8)")
        processes = [
            psycopg.connect(paths.postgres_url(data, who)) for who in (paths.DATABASE, paths.REQUESTS)
        ]
        run(home, backup.splitlines(keepends=True)[1] + backup.splitlines(keepends=True)[2] + swap)
        assert rows(data) == [7]
        for process in processes:
            process.close()
    finally:
        engine.stop()
    (dump, files) = (home / "callwright.dump", home / "callwright-files.tar")
    assert {each.stat().st_mode & 0o077 for each in (dump, files)} == {0}, "they hold every secret"
    listed = subprocess.run(["tar", "tf", files], capture_output=True, text=True, check=True).stdout.split()
    assert {".callwright/recordings/a.wav", ".callwright/secret.key", ".callwright/certificates/ca.pem"} <= {
        *listed
    }


def run(home: Path, commands: str) -> None:
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=home, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
