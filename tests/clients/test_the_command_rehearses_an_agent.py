"""`callwright rehearse` calls an agent that is a script: what is planted in it is found, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from config.env import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.timing,
    pytest.mark.needs("espeak-ng"),
    pytest.mark.timeout(300),
]
SCENARIO = """
name: code
to: /public/{name}
limits: {{turn_latency_ms: 4000, dead_air_ms: 6000, talk_over_ms: 700, barge_in_ms: 20000}}
steps:
  - listen: {{pause: 1}}
  - say: {words}
  - listen: {{pause: 1, timeout: 20}}
  - digits: "4711"
  - listen: {{pause: 1}}
expect: {{digits: "4711"}}
"""
LONG = "I would like to tell you a very long story about a very long journey to a place far away from here."


def agent(running: Instance, name: str, *, digits: int = 4, wait: int = 2500) -> None:
    """A script that asks, waits so long for an answer, asks for four digits, and thanks."""
    steps: list[Any] = [
        {"answer": {}},
        {"play": "say:Hello. What can I do for you?"},
        {"sleep": wait},
        {
            "prompt": {
                "play": "say:Please enter your code.",
                "max_digits": digits,
                "digit_timeout": 2,
                "initial_timeout": 40,
            }
        },
        {"user_event": {"event": {"digits": "${prompt_value}"}}},
        {"play": "say:Thank you very much. That is all."},
        {"sleep": 8000},
    ]
    document = {"version": "1.0.0", "sections": {"main": steps}}
    body = {"name": name, "contents": json.dumps(document)}
    running.api("POST", "/api/fabric/resources/swml_scripts", body)


def rehearse(running: Instance, file: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
    own = {"CALLWRIGHT_URL": running.url, "CALLWRIGHT_API_KEY": f"{running.project_id}:{running.api_token}"}
    command = [sys.executable, "-m", "clients.command", "rehearse", str(file), *arguments]
    ran = subprocess.run(
        command, cwd=ROOT, env={**kept, **own}, capture_output=True, text=True, timeout=200, check=False
    )
    assert running.api_token not in ran.stdout + ran.stderr
    return ran.returncode, json.loads(ran.stdout) if "--json" in arguments and ran.stdout else {}, ran.stderr


@pytest.mark.parametrize(
    ("name", "planted", "words", "found"),
    [
        ("lost", {"digits": 3}, "I have a code.", {"digits"}),
        pytest.param("right", {}, "I have a code.", set(), marks=pytest.mark.soak_only),
        pytest.param(
            "slow", {"wait": 9500}, "Hi.", {"dead_air", "turn_latency"}, marks=pytest.mark.soak_only
        ),
        pytest.param(
            "rude",
            {"wait": 1000},
            LONG,
            {"talk_over", "dead_air", "turn_latency"},
            marks=pytest.mark.soak_only,
        ),
    ],
)
def test_what_is_planted_in_an_agent_is_found(
    running: Instance, tmp_path: Path, name: str, planted: dict[str, int], words: str, found: set[str]
) -> None:
    agent(running, f"agent-{name}", **planted)
    file = tmp_path / "scenario.yml"
    file.write_text(SCENARIO.format(name=f"agent-{name}", words=words))
    status, report, told = rehearse(running, file, "--json")
    assert set(report["findings"]) == found, (report, told)
    assert status == (1 if found else 0) and report["calls"] == 1
    assert report["turn_latency_ms"]["most"] > 0


def test_a_scenario_that_is_wrong_is_one_line(running: Instance, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yml"
    file.write_text("to: /public/x\nsteps: [shout]\n")
    status, _, told = rehearse(running, file)
    assert status != 0 and "steps[0]: shout is no step" in told and "Traceback" not in told


def test_an_address_that_nobody_has_is_a_failed_call(running: Instance, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yml"
    file.write_text("to: /public/nobody-there\nsteps: [listen]\n")
    status, report, _ = rehearse(running, file, "--json")
    assert status == 1 and report["findings"] == {"failed": 1}
