"""`python -m bench storm`: sockets of a whole instance are cut at once, and all who come back are let in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from config.env import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(0)]


@pytest.mark.family
def test_all_who_come_back_are_let_in_and_no_live_call_is_lost(figure: Callable[[int, int], int]) -> None:
    words = ["--sockets", str(figure(150, 3000)), "--back", str(figure(100, 2000)), "--calls", "1"]
    run = subprocess.run(
        [sys.executable, "-m", "bench", "storm", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=figure(240, 1200), check=False,
    )  # fmt: skip
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    assert "0 closed 4401" in run.stdout
