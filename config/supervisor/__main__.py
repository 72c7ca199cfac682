"""`python -m config.supervisor`: what `make run` does once everything is installed."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import signal
import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path

import clock
from config import env as environment
from config import privacy
from config.embedded import certificate
from config.embedded.engine import EngineError
from config.env import Environment
from config.process import end_with_my_parent, last_line
from config.supervisor import console, credentials, plan, ports
from config.supervisor.logtail import LogTail
from config.supervisor.parent_death import Parent
from config.supervisor.supervisor import Stopping, Supervisor

_ENGINE_PATIENCE = 60.0
# Long: a big database may need its time for a migration.
_PREPARE_PATIENCE = 1800.0
_READY_PATIENCE = 120.0


class CannotStart(Exception):
    """`str()` is the one line to print."""


def main(arguments: list[str]) -> int:
    """Runs one instance in the foreground; 0 after a clean stop, 1 where it could not start."""
    began = clock.monotonic()
    privacy.keep_private()
    env = environment.load()
    parent = None
    if "--with-parent" in arguments:
        parent = Parent()
        end_with_my_parent(signal.SIGTERM)
    try:
        with _alone(env.data_dir):
            ports.check(plan.ports(env))
            privacy.tighten(env.data_dir)
            return _run(env, began, parent)
    except (CannotStart, EngineError, ports.PortTaken) as reason:
        print(f"callwright: {reason}", file=sys.stderr, flush=True)
        return 1


def _run(env: Environment, began: float, parent: Parent | None) -> int:
    logs = env.data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    logs.chmod(0o700)
    tail = LogTail(logs, console.say)
    tail.skip_what_is_there()

    def each_tick() -> None:
        tail.look()
        if parent is not None and supervisor.stop_asked is None and parent.wants_to_end():
            supervisor.stop_asked = signal.SIGINT

    supervisor = Supervisor(console.say, each_tick)
    supervisor.listen_to_signals()
    try:
        _start(env, supervisor, began)
        supervisor.run()
    except Stopping:
        pass
    finally:
        asked = supervisor.stop_asked
        console.say(f"stopping{f' on {asked.name}' if asked else ''} ...")
        supervisor.stop(plan.stop_groups())
    console.say("stopped")
    return 0


def _start(env: Environment, supervisor: Supervisor, began: float) -> None:
    for launch in plan.engines(env):
        console.say(f"starting {launch.name} ...")
        supervisor.start(launch)
        if launch.ready is not None:
            _wait(supervisor, launch.ready, _ENGINE_PATIENCE, launch.name)
    leaf = None
    if env.https_port:
        leaf = certificate.prepare(env.data_dir, certificate.names_for(env.domain_host, env.bind))
    first = credentials.read(env.data_dir) is None
    preparation = plan.preparation(env)
    console.say("preparing the database ..." if first else "checking the database ...")
    if supervisor.run_once(preparation, _PREPARE_PATIENCE) != 0:
        raise CannotStart(f"preparing the database failed: {last_line(preparation.log)}")
    who = credentials.read(env.data_dir)
    if who is None:
        raise CannotStart(f"{env.data_dir / credentials.FILE} is not readable")
    launches = list(plan.processes(env))
    for launch in launches:
        supervisor.start(launch)
    console.say(
        f"starting {', '.join(launch.name for launch in launches)}; waiting until calls can be placed ..."
    )
    try:
        supervisor.wait_until(_now_and_then(lambda: _is_ready(env)), _READY_PATIENCE, "readiness")
    except TimeoutError:
        console.say(f"not ready after {_READY_PATIENCE:.0f} s; see {env.data_dir / 'logs'}")
        return
    secrets = console.may_tell(sys.stdout, first, os.environ)
    print(console.ready(env, who, leaf, clock.monotonic() - began, secrets), flush=True)


def _wait(supervisor: Supervisor, ready: Callable[[], bool], patience: float, name: str) -> None:
    try:
        supervisor.wait_until(ready, patience, name)
    except TimeoutError as late:
        raise CannotStart(str(late)) from None


def _now_and_then(ask: Callable[[], bool], pause: float = 0.2) -> Callable[[], bool]:
    """`ask`, but not more often than every `pause` seconds."""
    asked = 0.0

    def answer() -> bool:
        nonlocal asked
        if clock.monotonic() - asked < pause:
            return False
        asked = clock.monotonic()
        return ask()

    return answer


def _is_ready(env: Environment) -> bool:
    address = console.local_address(env).strip("[]")
    connection = http.client.HTTPConnection(address, env.http_port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Holds the data directory's lock: two instances on one directory would share sockets."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock: TextIOWrapper = open(data_dir / "lock", "a+")  # noqa: SIM115
    except OSError as error:
        raise CannotStart(f"CALLWRIGHT_DATA_DIR: {data_dir} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"CALLWRIGHT_DATA_DIR: {data_dir} is in use by process {lock.read(20).strip() or '?'}"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
