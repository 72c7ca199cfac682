"""Which processes make up one instance, in the order they start and the order they stop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from config.embedded import paths, postgres, valkey
from config.env import ROOT, Environment
from config.process import Launch
from config.supervisor.ports import Port

ENGINES = frozenset({"postgres", "valkey"})
# Celery threads; each carries one media session.
_SESSIONS = "200"


def ports(env: Environment) -> list[Port]:
    """Every port somebody will listen on."""
    found = [Port("CALLWRIGHT_HTTP_PORT", env.bind, env.http_port, "tcp")]
    if env.https_port:
        found.append(Port("CALLWRIGHT_HTTPS_PORT", env.bind, env.https_port, "tcp"))
    if _has_sip(env):
        found += [Port("CALLWRIGHT_SIP_PORT", env.bind, env.sip_port, kind) for kind in ("udp", "tcp")]
        if env.https_port and env.sip_port < 65535:  # SIP has the certificate of https
            tls = "SIP over TLS, the SIP port + 1,"
            found.append(Port("CALLWRIGHT_SIP_PORT", env.bind, env.sip_port + 1, "tcp", tls))
    if env.turn_enabled:
        found += [Port("CALLWRIGHT_TURN_PORT", env.bind, env.turn_port, kind) for kind in ("udp", "tcp")]
    return found


def engines(env: Environment) -> Iterator[Launch]:
    """The embedded engines that no URL replaces; makes their files. Raises EngineError."""
    if env.database_url is None:
        processes = 2 * env.web_processes + env.media_workers + 5  # requests have a pool of their own
        yield postgres.prepare(env.data_dir, connections=max(200, processes * env.database_pool + 40))
    if env.redis_url is None:
        yield valkey.prepare(env.data_dir)


def preparation(env: Environment) -> Launch:
    """The one-shot before the rest: migrations, the project, the admin."""
    return _python(env, "prepare", "manage.py", "prepare")


def processes(env: Environment) -> Iterator[Launch]:
    """Everything that runs for as long as the instance does."""
    for number in range(1, env.web_processes + 1):
        # Alone it is plain `web`, the name its log has always had.
        yield _python(env, "web" if env.web_processes == 1 else f"web-{number}", "-m", "config.serve")
    for number in range(1, env.media_workers + 1):
        name = f"media-{number}"
        # A second SIGTERM means "end your calls now": the first only drains, for up to half an hour.
        yield _celery(env, name, "-Q", "media", "--pool=threads", "-c", _SESSIONS, insist=True)
    for number in range(1, env.speech_workers + 1):
        yield _python(env, f"speech-{number}", "manage.py", "speech", f"--number={number}")
    yield _celery(env, "tasks", "-Q", "tasks", "--pool=threads", "-c", "8")
    beat = ("-m", "celery", "-A", "config.celery", "--quiet", "beat", "--pidfile=")
    yield _python(env, "beat", *beat, f"--schedule={paths.beat_schedule(env.data_dir)}")
    yield _python(env, "sweep", "manage.py", "sweep")
    if _has_sip(env):
        yield _python(env, "sip", "manage.py", "sip")
    if env.turn_enabled:
        yield _python(env, "turn", "-m", "config.embedded.turn")


def stop_groups() -> list[tuple[Callable[[Launch], bool], float]]:
    """Who stops when, and in how many seconds. The sweep stops late: it publishes the others' last events."""
    return [
        (lambda launch: launch.name not in ENGINES and launch.name != "sweep", 5.0),
        (lambda launch: launch.name == "sweep", 1.5),
        (lambda launch: launch.name in ENGINES, 2.0),
    ]


def _python(env: Environment, name: str, *arguments: str, insist: bool = False) -> Launch:
    return Launch(
        name=name,
        argv=[sys.executable, "-u", *arguments],
        directory=ROOT,
        log=log_file(env, name),
        insist=insist,
    )


def _celery(env: Environment, name: str, *arguments: str, insist: bool = False) -> Launch:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=INFO")
    command = ("-m", "celery", "-A", "config.celery", "--quiet", "worker", "-n", f"{name}@%h")
    return _python(env, name, *command, *quiet, *arguments, insist=insist)


def log_file(env: Environment, name: str) -> Path:
    return env.data_dir / "logs" / f"{name}.log"


def _has_sip(env: Environment) -> bool:
    return env.sip_port != 0
