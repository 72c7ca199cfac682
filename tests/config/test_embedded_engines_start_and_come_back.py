"""PostgreSQL and Valkey as `make run` starts them, in a data directory of the test's own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import directories, paths, postgres, valkey
from config.embedded.engine import OWNERS, EngineError, runnable
from config.process import Owner
from tests.engines import Engine

pytestmark = [pytest.mark.sample(4), pytest.mark.processes]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: pytest keeps its directories closed to the engines' user.
    path = Path(tempfile.mkdtemp(prefix="callwright-engines-"))
    yield path
    elsewhere = paths.engines_directory(path)
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(elsewhere, ignore_errors=True)


def query(data_dir: Path, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(paths.postgres_url(data_dir), autocommit=True) as connection:
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
    assert not (paths.engines_directory(data_dir) / "postgres" / "postmaster.pid").exists()


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
    version = paths.engines_directory(data_dir) / "postgres" / "PG_VERSION"
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
        assert len(str(paths.socket_directory(deep))) <= paths.LONGEST_SOCKET_DIRECTORY
    finally:
        engine.stop()
        shutil.rmtree(paths.socket_directory(deep))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run engines as")
def test_as_root_no_permission_outside_the_data_directory_changes(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = {path: path.stat().st_mode for path in (closed, *closed.parents)}
    engine = Engine(postgres.prepare(closed / "data", durable=False))
    elsewhere = paths.engines_directory(closed / "data")
    try:
        engine.start()
        assert postgres.answers(closed / "data")
        assert not elsewhere.is_relative_to(closed)
    finally:
        engine.stop()
        shutil.rmtree(elsewhere)
    assert before == {path: path.stat().st_mode for path in before}


def rights(data_dir: Path) -> list[tuple[object, ...]]:
    mine = "SELECT rolname::text, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    return query(data_dir, mine)


def test_the_product_is_no_superuser(data_dir: Path) -> None:
    engine = Engine(postgres.prepare(data_dir, durable=False))
    engine.start()
    try:
        assert rights(data_dir) == [("callwright", False, False)]
        for statement in (
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('/etc/passwd')",
            "ALTER ROLE callwright SUPERUSER",
            f"SET ROLE {postgres.SUPERUSER}",
            f"SET SESSION AUTHORIZATION {postgres.SUPERUSER}",
            f"GRANT {postgres.SUPERUSER} TO callwright",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                query(data_dir, statement)
    finally:
        engine.stop()


def test_the_superuser_of_an_older_cluster_becomes_the_owner_of_its_database_alone(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an older version left it: `callwright` is the superuser and owns everything."""
    with monkeypatch.context() as before:
        before.setattr(postgres, "SUPERUSER", "callwright")
        first = Engine(postgres.prepare(data_dir, durable=False))
        first.start()
        assert rights(data_dir) == [("callwright", True, True)]
        query(
            data_dir,
            "CREATE TABLE kept (id serial, n int GENERATED ALWAYS AS IDENTITY, m int);"
            "INSERT INTO kept (m) VALUES (7); CREATE SEQUENCE loose; CREATE VIEW seen AS SELECT m FROM kept;"
            "DROP ROLE callwright_requests; DROP ROLE callwright_tenant;"
            "CREATE ROLE callwright_tenant NOLOGIN; GRANT SELECT ON kept TO callwright_tenant",
        )
        first.stop()
    second = Engine(postgres.prepare(data_dir, durable=False))
    second.start()
    try:
        assert postgres.answers(data_dir) and rights(data_dir) == [("callwright", False, False)]
        query(data_dir, "ALTER TABLE kept ADD COLUMN more int; SELECT nextval('loose'); DROP VIEW seen")
        query(data_dir, "INSERT INTO kept (m) VALUES (8); GRANT INSERT ON kept TO callwright_tenant")
        query(data_dir, "GRANT callwright_tenant TO callwright; SET ROLE callwright_tenant")
        assert query(data_dir, "SELECT m FROM kept ORDER BY m") == [(7,), (8,)]
        roles = query(data_dir, "SELECT rolname::text FROM pg_roles WHERE rolsuper ORDER BY 1")
        assert roles == [("callwright_engine",)]
    finally:
        second.stop()


def uids(engine: Engine) -> set[str]:
    assert engine.process is not None
    status = Path(f"/proc/{engine.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("Uid:"))
    return set(line.split()[1:])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run engines as")
def test_as_root_each_engine_is_a_user_of_its_own(data_dir: Path) -> None:
    engines = {
        "postgres": Engine(postgres.prepare(data_dir, durable=False)),
        "valkey": Engine(valkey.prepare(data_dir)),
    }
    try:
        for name, engine in engines.items():
            engine.start()
            assert uids(engine) == {str(OWNERS[name].uid)}
        own, other = OWNERS["postgres"].uid, OWNERS["valkey"].uid
        assert len({own, other, pwd.getpwnam("nobody").pw_uid, 0}) == 4
        for socket_file, uid in (
            (paths.postgres_sockets(data_dir) / ".s.PGSQL.5432", own),
            (paths.valkey_socket(data_dir), other),
        ):
            for path in (socket_file, socket_file.parent):
                status = path.stat()
                assert status.st_uid == uid and stat.S_IMODE(status.st_mode) == 0o700
    finally:
        for engine in engines.values():
            engine.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run engines as")
def test_a_cluster_of_nobody_s_is_taken_over(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = pwd.getpwnam("nobody")
    with monkeypatch.context() as before:
        nobody = Owner(entry.pw_uid, entry.pw_gid)
        before.setattr("config.embedded.engine.OWNERS", {"postgres": nobody, "valkey": nobody})
        first = Engine(postgres.prepare(data_dir, durable=False))
        first.start()
        query(data_dir, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        first.stop()
        os.chown(paths.socket_directory(data_dir), *[entry.pw_uid] * 2)
    second = Engine(postgres.prepare(data_dir, durable=False))
    second.start()
    try:
        assert query(data_dir, "SELECT n FROM kept") == [(7,)]
        assert uids(second) == {str(OWNERS["postgres"].uid)}
    finally:
        second.stop()
    cluster = paths.engines_directory(data_dir) / "postgres"
    assert {path.lstat().st_uid for path in (cluster, *cluster.rglob("*"))} == {OWNERS["postgres"].uid}


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


def test_a_copy_of_what_was_installed_with_umask_077_is_for_everybody(tmp_path: Path) -> None:
    """As root, with a venv that only root may read: the engines' users found no library."""
    before = os.umask(0o077)
    try:
        installed = tmp_path / "installed"
        (installed / "bin").mkdir(parents=True)
        (installed / "lib").mkdir()
        program = installed / "bin" / "program"
        program.touch(mode=0o711)
        (installed / "lib" / "part").write_text("x")
        copies, parts = tmp_path / "copies", [program, installed / "lib"]
        # Also over what an older version copied as it was.
        shutil.copytree(installed, copies, copy_function=shutil.copy2)
        copy = runnable(program, Owner(65534, 65534), copies, parts)
    finally:
        os.umask(before)
    assert copy == copies / "bin" / "program"
    modes = {path.relative_to(copies): stat.S_IMODE(path.stat().st_mode) for path in copies.rglob("*")}
    assert modes == {
        Path("bin"): 0o755,
        Path("bin/program"): 0o755,
        Path("lib"): 0o755,
        Path("lib/part"): 0o644,
    }


def test_secrets_of_the_data_directory_are_private(data_dir: Path) -> None:
    from config import secret_key
    from config.embedded import certificate

    first = secret_key.secret_key(None, data_dir)
    assert first == secret_key.secret_key(None, data_dir) and len(first) >= 64
    leaf = certificate.prepare(data_dir, certificate.names_for("localhost", "127.0.0.1"))
    for path in (data_dir / secret_key.FILE, leaf.key, leaf.authority.with_name("ca.key")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    directories.prepare(data_dir, None)
