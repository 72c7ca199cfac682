"""`callwright listen` in a terminal: r sends the last event once more, and the terminal is left as it was."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.clients.test_the_command_line import cast, environment, happen, instance  # noqa: F401
from tests.support.wait import wait_for
from tests.webhooks.receivers import Receiver

pytestmark = [pytest.mark.timing, pytest.mark.processes]


def test_r_sends_the_last_event_again(environment, cast, tmp_path: Path):  # noqa: F811
    receiver = Receiver()
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    told = tmp_path / "told"
    command = [sys.executable, "-m", "clients.command", "listen", "--forward-to", receiver.url]
    with told.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=out, stderr=out)
    try:
        wait_for(lambda: "listening after cursor" in told.read_text(), 30)
        assert "Press r to send the last event again" in told.read_text()
        os.write(ours, b"r")  # there is none yet
        happen(cast, 1)
        wait_for(lambda: len(receiver.got) == 1, 30)
        os.write(ours, b"x")
        os.write(ours, b"r")
        wait_for(lambda: len(receiver.got) == 2, 30)
        assert receiver.got[0].body == receiver.got[1].body and receiver.got[0].id == receiver.got[1].id
        wait_for(lambda: "again: " in told.read_text(), 10)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        receiver.close()
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
