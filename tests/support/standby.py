"""A streaming standby of the test's own PostgreSQL: the real server on loopback, made by pg_basebackup."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import psycopg.sql
from django.db import connection

from config.embedded.engine import engine_owner, own
from config.embedded.postgres import SUPERUSER
from config.process import PLAIN_ENVIRONMENT, as_owner
from subscribers import replicas
from tests.support.ports import free_port


def primary_sockets() -> Path | None:
    """The directory of the embedded engine's socket; None where the run was given another PostgreSQL."""
    given = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query).get("host", [""])[0]
    return Path(unquote(given)) if given else None


class Standby:
    """`with Standby() as standby`: replays what the primary writes, on `port` of 127.0.0.1."""

    def __init__(self) -> None:
        sockets = primary_sockets()
        assert sockets is not None
        self.primary = sockets
        self.owner = engine_owner("postgres")
        self.directory = own(Path(tempfile.mkdtemp(prefix="standby-")), self.owner)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        with self.session(primary=True) as asked:
            # The run's engine forgets; one with a standby writes what it commits.
            name = psycopg.sql.Identifier(str(connection.settings_dict["NAME"]))
            asked.execute(psycopg.sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(name))
            row = asked.execute(
                "SELECT current_setting('data_directory'), current_setting('max_connections')"
            )
            found = row.fetchone()
            assert found is not None
        self.connections = found[1]
        # A process that it has just forked has its words still, so it is asked for by its number.
        postmaster = Path("/proc", Path(found[0], "postmaster.pid").read_text().split()[0])
        self.binaries = Path((postmaster / "cmdline").read_bytes().decode().split("\0")[0]).parent

    def __enter__(self) -> Standby:
        copied = ["-h", str(self.primary), "-U", SUPERUSER, "-D", str(self.data), "-R", "-X", "stream"]
        made = subprocess.run(
            [str(self.binaries / "pg_basebackup"), *copied, "-c", "fast", "--no-sync"],
            env=PLAIN_ENVIRONMENT,
            capture_output=True,
            timeout=120,
            **as_owner(self.owner),
        )
        assert made.returncode == 0, made.stderr
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        with self.session(primary=True) as asked:
            name = psycopg.sql.Identifier(str(connection.settings_dict["NAME"]))
            asked.execute(psycopg.sql.SQL("ALTER DATABASE {} RESET synchronous_commit").format(name))
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def url(self, user: str | None = None) -> str:
        who = user or connection.settings_dict["USER"]
        return f"postgresql://{who}@127.0.0.1:{self.port}/{connection.settings_dict['NAME']}"

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": self.connections,
            "fsync": "off",
            "log_min_messages": "fatal",
        }
        words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.data), *words],
                env=PLAIN_ENVIRONMENT,
                stdout=log,
                stderr=log,
                **as_owner(self.owner),
            )
        end = time.monotonic() + 60
        while True:
            try:
                self.session().close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.directory / "log").read_text()
                assert time.monotonic() < end, "the standby did not come up"
                time.sleep(0.1)

    def kill(self) -> None:
        """As the machine under it dies."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def session(self, primary: bool = False) -> psycopg.Connection:
        host = str(self.primary) if primary else "127.0.0.1"
        port = None if primary else self.port
        name = str(connection.settings_dict["NAME"])
        return psycopg.connect(
            host=host, port=port, user=SUPERUSER, dbname=name, autocommit=True, connect_timeout=3
        )

    def tell(self, statement: str) -> object:
        """The one value that a statement gives there."""
        with self.session() as asked:
            row = asked.execute(statement).fetchone()  # type: ignore[arg-type]
        return None if row is None else row[0]

    def catch_up(self) -> None:
        """Return once all that is committed now has been replayed."""
        with self.session(primary=True) as asked:
            row = asked.execute(replicas.PRIMARY).fetchone()
            assert row is not None
        end = time.monotonic() + 30
        while not self.tell(f"SELECT pg_last_wal_replay_lsn() >= '{row[0]}'::pg_lsn"):
            assert time.monotonic() < end, "the standby stays behind"
            time.sleep(0.02)
