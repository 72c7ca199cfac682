"""A seed gives the same log each time: in one process, in another, and under another Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.schedule import Schedule
from tests.simulation.simulate import simulate

ROOT = Path(__file__).parents[2]
CALLS, TIMES = "200", 100
pytestmark = [pytest.mark.family, pytest.mark.slow, pytest.mark.timing]


@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_a_seed_gives_the_same_log_twice() -> None:
    first, second = simulate(Schedule(7, 4)), simulate(Schedule(7, 4))
    different = (pair for pair in zip(first.tail, second.tail, strict=False) if pair[0] != pair[1])
    assert first.digest == second.digest, next(different, "one log is longer")
    assert first.steps > 0 and first.happened == second.happened


def log_of(python: str, seed: int, hash_seed: str) -> set[str]:
    """The hashes of the log of TIMES runs of the same seed in one process, with a PostgreSQL of its own."""
    command = [python, "-m", "tests.simulation", "--seed", str(seed), "--calls", CALLS]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    for name in environment.pop("TEST_ENGINES_MADE", "").split():
        environment.pop(name, None)
    done = subprocess.run(
        [*command, "--again", str(TIMES), "--quiet", "--shrink", "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found = [line.rpartition("log ")[2] for line in done.stdout.splitlines() if line.startswith("seed ")]
    assert len(found) == TIMES
    return set(found)


@pytest.mark.soak_only
@pytest.mark.timeout(86400)
def test_a_seed_of_200_calls_gives_the_same_log_a_hundred_times(seed: int) -> None:
    """`SIMULATION_PYTHONS`: other interpreters with the same packages, which must give the same log."""
    pythons = [sys.executable, *os.environ.get("SIMULATION_PYTHONS", "").split()]
    found = {log for number, python in enumerate(pythons) for log in log_of(python, seed, str(number))}
    assert len(found) == 1
