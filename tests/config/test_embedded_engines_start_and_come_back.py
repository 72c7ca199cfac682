"""PostgreSQL and Valkey as `make run` starts them, in a data directory of the test's own."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import ground, places, postgres, valkey
from config.embedded.engine import Engine, EngineError, runnable
from config.supervisor.launch import Owner

pytestmark = pytest.mark.processes


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: pytest keeps its directories closed to the engines' user.
    path = Path(tempfile.mkdtemp(prefix="callwright-engines-"))
    yield path
    elsewhere = places.engines_directory(path)
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(elsewhere, ignore_errors=True)


def query(data_dir: Path, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(places.postgres_url(data_dir), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_data_survives_a_kill_and_a_restart(data_dir: Path) -> None:
    first = Engine(postgres.prepare(data_dir))
    first.start()
    query(data_dir, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    assert first.process is not None
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(5)
    second = Engine(postgres.prepare(data_dir))
    start_over(second)
    try:
        assert query(data_dir, "SELECT n FROM kept") == [(7,)]
    finally:
        second.stop()
    assert second.process is not None and second.process.returncode == 0
    assert not (places.engines_directory(data_dir) / "postgres" / "postmaster.pid").exists()


def start_over(engine: Engine) -> None:
    """The killed one's children may hold the memory for a moment; the supervisor tries again as well."""
    for attempt in range(20):
        try:
            engine.start()
            return
        except EngineError:
            if attempt == 19:
                raise


def test_valkey_answers_and_stops(data_dir: Path) -> None:
    engine = Engine(valkey.prepare(data_dir))
    engine.start()
    assert valkey.answers(data_dir)
    engine.stop()
    assert not valkey.answers(data_dir)


def test_a_cluster_of_another_major_is_refused_in_one_line(data_dir: Path) -> None:
    postgres.prepare(data_dir, durable=False)
    version = places.engines_directory(data_dir) / "postgres" / "PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(EngineError, match="was made by PostgreSQL 9, installed is") as refusal:
        postgres.prepare(data_dir, durable=False)
    assert "\n" not in str(refusal.value)


def test_sockets_have_a_short_place_where_the_data_directory_is_deep(data_dir: Path) -> None:
    deep = data_dir / ("x" * 120)
    engine = Engine(valkey.prepare(deep))
    engine.start()
    try:
        assert valkey.answers(deep)
        assert len(str(places.socket_directory(deep))) <= places.LONGEST_SOCKET_DIRECTORY
    finally:
        engine.stop()
        shutil.rmtree(places.socket_directory(deep))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run engines as")
def test_as_root_no_permission_outside_the_data_directory_changes(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = {path: path.stat().st_mode for path in (closed, *closed.parents)}
    engine = Engine(postgres.prepare(closed / "data", durable=False))
    elsewhere = places.engines_directory(closed / "data")
    try:
        engine.start()
        assert postgres.answers(closed / "data")
        assert not elsewhere.is_relative_to(closed)
    finally:
        engine.stop()
        shutil.rmtree(elsewhere)
    assert before == {path: path.stat().st_mode for path in before}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run engines as")
def test_a_program_out_of_reach_is_copied_with_its_parts(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    (installed / "bin").mkdir(parents=True)
    (installed / "lib").mkdir()
    (installed / "lib" / "part").write_text("x")
    program = installed / "bin" / "program"
    program.write_text("y")
    tmp_path.chmod(0o700)
    nobody = Owner(65534, 65534)
    copy = runnable(program, nobody, tmp_path / "copies", [program, installed / "lib"])
    assert copy == tmp_path / "copies" / "bin" / "program"
    assert (tmp_path / "copies" / "lib" / "part").read_text() == "x"
    assert runnable(program, None, tmp_path / "copies", []) == program


def test_secrets_of_the_data_directory_are_private(data_dir: Path) -> None:
    from config import secret
    from config.embedded import certificate

    first = secret.secret_key(None, data_dir)
    assert first == secret.secret_key(None, data_dir) and len(first) >= 64
    leaf = certificate.prepare(data_dir, certificate.names_for("localhost", "127.0.0.1"))
    for path in (data_dir / secret.FILE, leaf.key, leaf.authority.with_name("ca.key")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ground.prepare(data_dir, None)
