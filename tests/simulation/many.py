"""Many worlds: so many calls, split over seeds and over processes that each have a PostgreSQL of their own.

What came of each world is read from the processes' output, a line of JSON each. Must not live here: how one
world is run (`simulate`), and what is too little.
"""

from __future__ import annotations

import json
import math
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
WORLD_CALLS = 200
PACES = (1.0, 4.0)  # of the worlds, by dice: ordinary spacing of calls, and everybody busy
# What the dice may let happen, and what receivers and devices do (`faults`, `processes`, `people`).
KINDS = (
    "killed", "frozen", "answer lost", "cut off", "deadlock", "serialisation failure", "disk full",
    "redis away", "postgresql away", "clock jumps", "nudge lost", "nudge twice", "nudge late",
    "task lost", "task twice", "task late", "receivers down for days", "receiver down",
    "receiver 500", "receiver slow", "receiver cut", "device away", "web process killed",
)  # fmt: skip
# Of those, the ones that are thrown for one by one: the faults of a run.
THROWN = KINDS[:16]


@dataclass
class Totals:
    """What the worlds came to together. `busy`: seconds simulated without nights and waits for receivers."""

    counts: Counter[str] = field(default_factory=Counter)
    worlds: int = 0
    simulated: float = 0.0
    busy: float = 0.0
    wall: float = 0.0
    cpu: float = 0.0  # of the processes of Python
    broken: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return self.counts["calls placed"]

    @property
    def faults(self) -> int:
        return sum(self.counts[kind] for kind in THROWN)

    def add(self, said: dict[str, Any]) -> None:
        self.counts.update(said["counts"])
        self.worlds += 1
        self.simulated += said["simulated"]
        self.busy += said["busy"]
        self.cpu += said["cpu"]
        if said["broken"]:
            self.broken.append(f"{said['again']}: {said['broken']}")

    def text(self) -> str:
        wall = max(self.wall, 0.001)
        speed = f"{self.simulated / wall:.1f} x time, {self.busy / wall:.1f} x without nights and waiting"
        rate = f"{self.calls / wall:.2f} calls a second, {self.cpu / max(1, self.calls):.2f} s of Python each"
        whole = f"{self.calls} calls in {self.worlds} worlds, {self.faults} faults, {wall:.0f} s"
        kinds = [f"  {kind:<24}{self.counts[kind]:>8}" for kind in KINDS]
        return "\n".join([whole, f"  {speed}; {rate}", *kinds, *(f"  BROKEN {each}" for each in self.broken)])


def run(
    seed: int,
    calls: int,
    processes: int = 1,
    *,
    progress: Callable[[str], None] = lambda line: None,
    stop_at: int = 1,
) -> Totals:
    """Run worlds of 200 calls each, from this seed on, until all are done or `stop_at` broke a law."""
    worlds = math.ceil(calls / WORLD_CALLS)
    processes = max(1, min(processes, worlds))
    said: queue.Queue[str | None] = queue.Queue()
    totals, began = Totals(), time.monotonic()
    children = [
        child(place, seed + place, share(worlds, processes, place), processes, calls)
        for place in range(processes)
    ]
    for each in children:
        assert each.stdout is not None
        threading.Thread(target=listen, args=(each.stdout, said), daemon=True).start()
    try:
        listening = processes
        while listening and len(totals.broken) < stop_at:
            line = said.get()
            if line is None:
                listening -= 1
                continue
            totals.add(json.loads(line))
            totals.wall = time.monotonic() - began
            left = totals.wall / totals.worlds * (worlds - totals.worlds)
            progress(
                f"{totals.worlds} of {worlds} worlds, {totals.calls} calls; {left / 3600:.1f} hours left"
            )
    finally:
        for each in children:
            if len(totals.broken) >= stop_at:
                each.send_signal(signal.SIGINT)  # it stops its PostgreSQL
            each.wait()
    failed = [each.returncode for each in children if each.returncode and not totals.broken]
    assert not failed and (totals.broken or totals.worlds == worlds), f"a process of worlds ended: {failed}"
    return totals


def share(worlds: int, processes: int, place: int) -> int:
    return worlds // processes + (place < worlds % processes)


def child(place: int, seed: int, worlds: int, step: int, calls: int) -> subprocess.Popen[str]:
    environment = dict(os.environ)
    for name in environment.pop("TEST_ENGINES_MADE", "").split():  # each has its own
        environment.pop(name, None)
    environment["SIMULATION_DATABASE"] = f"callwright_world_{place}"  # where a PostgreSQL was given
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--runs", str(worlds)]
    command += ["--step", str(step), "--calls", str(min(calls, WORLD_CALLS)), "--json", "--shrink", "0"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def pace_of(seed: int) -> float:
    return random.Random(f"{seed} pace").choice(PACES)


def listen(output: IO[str], said: queue.Queue[str | None]) -> None:
    for line in output:
        if line.startswith("{"):
            said.put(line)
    said.put(None)
