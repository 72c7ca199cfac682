"""What a command of `manage.py` cannot do, it says in one sentence, without a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command

from subscribers.models import Project
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0
NOBODY = str(uuid.UUID(int=7))
# One of each way: a subcommand, with Django's checks before it, Django's own, and past the pool.
OF_THE_DATABASE = (("project", "create", "Acme"), ("reseal",), ("migrate",), ("prepare",))


def begun(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**os.environ, **environment}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def sentence(process: subprocess.Popen[str]) -> str:
    """The one line of a command that failed."""
    told, wrong = process.communicate(timeout=SECONDS)
    assert process.returncode == 1 and told == "", (process.args, told, wrong)
    (line,) = wrong.splitlines()
    assert "Errno" not in line, line
    return line


def database(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


@pytest.mark.timing
def test_without_postgresql_every_command_says_so_and_what_to_do() -> None:
    closed = f"postgresql://a:b@127.0.0.1:{free_port()}/c"
    running = [begun({"DATABASE_URL": closed}, *each) for each in OF_THE_DATABASE]
    for process in running:
        line = sentence(process)
        assert line.startswith("callwright: PostgreSQL cannot be reached: ")
        assert "Connection refused" in line and "check DATABASE_URL" in line


@pytest.mark.timing
def test_a_database_without_tables_is_named(transactional_db: None) -> None:
    name = f"bare_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database("postgres"), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            line = sentence(begun({"DATABASE_URL": database(name)}, "number", "list"))
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    assert "manage.py prepare" in line


@pytest.mark.django_db(transaction=True)
def test_files_and_addresses_that_will_not_do_are_named(tmp_path: Path) -> None:
    acme = str(Project.objects.create(name="Acme").pk)
    there, other = tmp_path / "there", tmp_path / "other.zip"
    there.write_text("key = [")
    with zipfile.ZipFile(other, "w") as made:
        made.writestr("a", "b")
    away = f"http://127.0.0.1:{free_port()}"
    whose = ("--project", NOBODY, "--token", "x")
    told = {
        ("project", "export", acme, str(there)): f"{there} exists already",
        ("project", "export", acme, str(tmp_path / "no" / "acme")): "No such file or directory",
        ("project", "import", str(tmp_path / "no")): "No such file or directory",
        ("project", "import", str(there)): "was not written by `project export`",
        ("project", "import", str(other)): "was not written by `project export`",
        ("project", "remove", acme): f"the project Acme ({acme}) and all that it has",
        ("project", "remove", "acme", "--yes"): "'acme' is not a project id",
        ("cells", str(tmp_path / "no")): "No such file or directory",
        ("cells", str(there)): "not TOML",
        ("rehearse", str(tmp_path / "no")): "No such file or directory",
        ("speech_install", "ears", "--check"): "There is no 'ears'",
        ("loadtest", "--url", "http://[::1", *whose): "--url must be an http:// or https:// address",
        ("loadtest", "--url", "here", *whose): "--url must be an http:// or https:// address",
        ("loadtest", "--url", away, *whose): f"{away} cannot be reached: Connection refused",
    }
    for words, said in told.items():
        with pytest.raises(CommandError) as caught:
            call_command(*words)
        assert said in str(caught.value) and "Errno" not in str(caught.value), words


@pytest.mark.timing
def test_a_taken_sip_port_is_named(transactional_db: None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        line = sentence(begun({"CALLWRIGHT_SIP_PORT": port}, "sip"))
    assert line.endswith(f"CALLWRIGHT_SIP_PORT {port}: Address already in use")


def test_the_output_may_be_full_closed_or_read_in_part(tmp_path: Path) -> None:
    doctor = f"{sys.executable} manage.py doctor"
    own = {**os.environ, "CALLWRIGHT_DATA_DIR": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    for command, said in (
        (f"{doctor} >/dev/full", "callwright: the output cannot be written: No space left on device\n"),
        (f"{doctor} >&-", ""),
        (f"{doctor} | true", ""),
    ):
        told = subprocess.run(
            ["sh", "-c", command], cwd=ROOT, env=own, capture_output=True, text=True, timeout=SECONDS
        )
        assert told.stderr == said, command
