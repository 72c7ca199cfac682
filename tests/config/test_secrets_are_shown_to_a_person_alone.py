"""The screen of `make run` tells its secrets to a terminal, and once at the first start; to no journal."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from config import env
from config.supervisor import console
from config.supervisor.credentials import FILE, Credentials, write

WHO = Credentials("p-1", "the-api-token", "the-signing-key", "admin", "the-password")
JOURNAL = {"JOURNAL_STREAM": "8:12345"}


class Output(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "first", "environment", "told"),
    [
        (True, True, {}, True),
        (True, False, {}, True),
        (True, False, JOURNAL, True),  # a shell inside a service's unit: the output is what counts
        (False, True, {}, True),
        (False, False, {}, False),
        (False, True, JOURNAL, False),
        (False, False, JOURNAL, False),
    ],
)
def test_who_is_told(terminal: bool, first: bool, environment: dict[str, str], told: bool) -> None:
    assert console.may_tell(Output(terminal), first, environment) is told


def test_others_are_told_where_the_secrets_are(tmp_path: Path) -> None:
    here = env.read({"CALLWRIGHT_DATA_DIR": str(tmp_path)})
    shown = console.ready(here, WHO, None, 1.0, secrets=False)
    assert WHO.api_token not in shown and WHO.admin_password not in shown and WHO.signing_key not in shown
    assert shown.count(str(tmp_path / FILE)) == 3  # the token, the password, and the line that reads it
    shown = console.ready(here, WHO, None, 1.0)
    assert shown.count(WHO.api_token) == 2 and WHO.admin_password in shown and WHO.signing_key not in shown


def test_the_printed_command_reads_the_token_out_of_its_file(tmp_path: Path) -> None:
    data = tmp_path / "it's my data"
    write(data, WHO)
    here = env.read({"CALLWRIGHT_DATA_DIR": str(data)})
    printed = console.ready(here, WHO, None, 1.0, secrets=False).partition("the phone page:")[2]
    script = 'curl() { printf "%s\\n" "$2"; }\n' + printed
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert ran.stdout.strip() == f"{WHO.project_id}:{WHO.api_token}"
