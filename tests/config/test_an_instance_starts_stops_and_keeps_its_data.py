"""`make run`, whole: every process of an instance, on ports and in a data directory of the test's own."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from config.embedded import paths
from config.env import ROOT
from config.supervisor import credentials
from tests.config.test_what_is_stored_is_private import open_to_a_stranger
from tests.support.ports import free_pair, free_port

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.timing]

READY = 90.0


class Instance:
    """One `make run` and what it printed."""

    def __init__(self, data_dir: Path, ports: dict[str, int], **variables: str) -> None:
        self.data_dir = data_dir
        self.ports = ports
        self.output = data_dir.with_suffix(".out")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CALLWRIGHT_") and name not in {"DATABASE_URL", "REDIS_URL"}
        }
        self.environment = {
            **inherited,
            **{name: str(port) for name, port in ports.items()},
            "CALLWRIGHT_DATA_DIR": str(data_dir),
            "CALLWRIGHT_MEDIA_WORKERS": "1",
            "CALLWRIGHT_MEDIA_PORTS": "44000-44999",
            **variables,
        }
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "config.supervisor"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def doctor(self) -> tuple[int, list[dict[str, str]]]:
        """Exit status and findings of `manage.py doctor` asked about this instance."""
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor", "--json"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def loadtest(self, *arguments: str) -> tuple[int, str]:
        """Exit status and table of `manage.py loadtest` against this instance."""
        done = subprocess.run(
            [sys.executable, "manage.py", "loadtest", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, pattern: str, patience: float = READY) -> re.Match[str]:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = re.search(pattern, self.said(), re.DOTALL)
            if found:
                return found
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)
        raise AssertionError(f"{pattern} was not said within {patience} s:\n{self.said()}")

    def children(self) -> dict[int, str]:
        """pid -> command line of every process of this instance's data directory or parentage."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.process.pid:
                continue
            try:
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            mine = int(stat[1]) == self.process.pid or str(self.data_dir) in command
            if mine and stat[0] != "Z":
                found[int(entry.name)] = command
        return found

    def get(self, path: str, who: credentials.Credentials | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["CALLWRIGHT_HTTP_PORT"], timeout=10)
        headers = {}
        if who is not None:
            pair = base64.b64encode(f"{who.project_id}:{who.api_token}".encode()).decode()
            headers["authorization"] = f"Basic {pair}"
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


Start = Callable[..., Instance]


@pytest.fixture
def start() -> Iterator[Start]:
    home = Path(tempfile.mkdtemp(prefix="callwright-instance-"))
    ports = {
        "CALLWRIGHT_HTTP_PORT": free_port(),
        "CALLWRIGHT_HTTPS_PORT": free_port(),
        "CALLWRIGHT_SIP_PORT": free_pair(),
        "CALLWRIGHT_TURN_PORT": free_port(socket.SOCK_DGRAM),
    }
    begun: list[Instance] = []

    def begin(**variables: str) -> Instance:
        begun.append(Instance(home / "data", ports, **variables))
        return begun[-1]

    yield begin
    for instance in begun:
        if instance.process.poll() is None:
            instance.process.kill()
            instance.process.wait(5)
    elsewhere = paths.engines_directory(home / "data")
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(elsewhere, ignore_errors=True)


def all_gone(instance: Instance, patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    while instance.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert instance.children() == {}


def test_a_start_a_death_a_stop_and_a_second_start(start: Start) -> None:
    first = start()
    first.wait_for(r"Callwright is ready")
    who = credentials.read(first.data_dir)
    assert who is not None
    for shown in (who.project_id, who.api_token, f"admin / {who.admin_password}", "curl -u", "SPKI"):
        assert shown in first.said()
    status, state = first.get("/readyz")
    assert (status, state) == (200, {"database": True, "redis": True, "media_workers": 1})
    assert first.get("/api/calls", who)[0] == 200
    assert_https_answers(first)
    assert_private(first)

    victims = ("config.serve", "manage.py sweep", "-Q media", "-Q tasks", "--quiet beat", "valkey-server")
    for needle in victims:
        killed = [pid for pid, command in first.children().items() if fits(needle, command)]
        assert killed, (needle, first.children())
        os.kill(killed[0], signal.SIGKILL)
        first.wait_for(rf"process [\w-]+ \({killed[0]}\) ended with signal SIGKILL, restarting", 10)

    postmaster = [pid for pid, command in first.children().items() if "bin/postgres -D" in command]
    os.kill(postmaster[0], signal.SIGKILL)
    first.wait_for(rf"process postgres \({postmaster[0]}\) ended with signal SIGKILL, restarting", 10)
    ready_again(first)
    assert first.get("/api/calls", who)[0] == 200

    began = time.monotonic()
    first.process.terminate()
    assert first.process.wait(12) == 0
    assert time.monotonic() - began <= 10.0
    assert "stopped" in first.said()
    all_gone(first, 1.0)

    second = start()
    second.wait_for(r"Callwright is ready.*\n\n.*An access token for a subscriber alice")
    assert credentials.read(second.data_dir) == who
    assert who.api_token not in second.said() and who.admin_password not in second.said()
    assert str(second.data_dir / credentials.FILE) in second.said()
    assert second.get("/api/calls", who)[0] == 200
    second.process.kill()
    second.process.wait(5)
    all_gone(second)


def ready_again(instance: Instance, patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if instance.get("/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not ready again:\n{instance.said()}")


def fits(needle: str, command: str) -> bool:
    return all(word in command for word in needle.split())


def assert_https_answers(instance: Instance) -> None:
    context = ssl.create_default_context(cafile=str(instance.data_dir / "certificates" / "ca.pem"))
    connection = http.client.HTTPSConnection(
        "localhost", instance.ports["CALLWRIGHT_HTTPS_PORT"], timeout=10, context=context
    )
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


def assert_private(instance: Instance) -> None:
    """Every process has the umask, and another user reads nothing of the data directory."""
    open_ones = {}
    for pid, command in instance.children().items():
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            if "\nUmask:\t0077\n" not in status:
                open_ones[pid] = command
    assert open_ones == {}
    deadline = time.monotonic() + 20
    while not list(instance.data_dir.glob("beat-schedule*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    made = [path for path in instance.data_dir.rglob("*") if "engines" not in path.parts]
    assert any(path.name.startswith("beat-schedule") for path in made) and len(made) > 10
    assert open_to_a_stranger(instance.data_dir, *made) == []


def test_given_credentials_are_taken(start: Start) -> None:
    project = "6f1c2a52-4c2e-4bb9-9c39-5a0d2f2f3c11"
    instance = start(
        CALLWRIGHT_PROJECT_ID=project, CALLWRIGHT_API_TOKEN="short", CALLWRIGHT_ADMIN_PASSWORD="pw"
    )
    instance.wait_for(r"Callwright is ready")
    who = credentials.read(instance.data_dir)
    assert who is not None
    assert (who.project_id, who.api_token, who.admin_password) == (project, "short", "pw")
    assert instance.get("/api/calls", who)[0] == 200

    status, findings = instance.doctor()
    assert status == 0, findings
    assert {"PostgreSQL", "Redis", "web", "TLS", "STUN", "TURN", "SIP", "media workers", "disk"} <= {
        finding["about"] for finding in findings
    }
    status, text = instance.loadtest("--calls", "3", "--at-once", "1", "--talk", "0", "--members", "2")
    assert status == 0 and "5 calls in" in text, text
    for kind, heard in (("device to device", 2), ("REST to device", 1), ("room", 2)):
        assert re.search(rf"^{kind} +{heard} +{heard} ", text, re.MULTILINE), text

    instance.process.terminate()
    assert instance.process.wait(15) == 0
    status, findings = instance.doctor()
    failing = {finding["about"]: finding["advice"] for finding in findings if finding["level"] == "bad"}
    assert status == 1 and {"PostgreSQL", "Redis", "web", "SIP", "STUN"} <= failing.keys()
    assert "make run" in failing["PostgreSQL"]


def test_a_taken_port_is_one_line_and_nothing_is_started(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        instance = start(CALLWRIGHT_HTTP_PORT=str(port))
        assert instance.process.wait(20) == 1
    assert instance.said().splitlines() == [
        f"callwright: CALLWRIGHT_HTTP_PORT: port {port} (tcp) on 127.0.0.1 is taken, choose another"
    ]
    assert not (instance.data_dir / "engines").exists()


def test_a_second_instance_on_one_data_directory_is_refused(start: Start) -> None:
    first = start()
    lock = first.data_dir / "lock"
    deadline = time.monotonic() + 20
    while not (lock.exists() and lock.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)  # the holder's number is written once the lock is held
    second = subprocess.run(
        [sys.executable, "-m", "config.supervisor"],
        cwd=ROOT,
        env={**os.environ, "CALLWRIGHT_DATA_DIR": str(first.data_dir)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert second.stderr.strip() == (
        f"callwright: CALLWRIGHT_DATA_DIR: {first.data_dir} is in use by process {first.process.pid}"
    )
