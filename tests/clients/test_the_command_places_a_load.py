"""`callwright loadtest` against an instance: its figures as JSON, its bounds, its limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bench.instance import Instance
from config.env import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(300)]


def loadtest(running: Instance, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
    own = {"CALLWRIGHT_URL": running.url, "CALLWRIGHT_API_KEY": f"{running.project_id}:{running.api_token}"}
    command = [sys.executable, "-m", "clients.command", "loadtest", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **own}, capture_output=True, text=True, timeout=200, check=False
    )


def test_it_places_calls_and_tells_how_they_went(running: Instance) -> None:
    ran = loadtest(running, "--json", "--calls", "3", "--at-once", "1", "--talk", "0", "--rooms", "0")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    assert found["calls"] == 3 and {each["kind"] for each in found["kinds"]} == {
        "device to device",
        "REST to device",
    }
    assert all(each["heard"] == each["calls"] and each["problems"] == {} for each in found["kinds"])
    assert all(each["sound_ms"]["p50"] > 0 for each in found["kinds"])
    assert running.api_token not in ran.stdout + ran.stderr


def test_it_ends_at_its_limit_and_says_so(running: Instance) -> None:
    ran = loadtest(running, "--json", "--calls", "1000", "--at-once", "1", "--talk", "60", "--limit", "3")
    found = json.loads(ran.stdout)
    assert ran.returncode == 1 and found["calls"] < 1000
    assert any("within 3 s" in each for kind in found["kinds"] for each in kind["problems"])


def test_what_is_out_of_bounds_is_one_line(running: Instance) -> None:
    ran = loadtest(running, "--at-once", "5000")
    assert (ran.returncode, ran.stderr) == (2, "callwright: --at-once is 1 to 1000.\n")
