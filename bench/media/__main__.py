"""Runs the media table: `python -m bench.media [--quick] [--only NAME]`. Prints ratios within this run.

Runs are interleaved (each pair of figures that makes a ratio is measured side by side, several rounds,
medians), because the machine's speed moves. Figures are CPU of the server's process accounts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from bench.media import janus, rtpengine

RUN_SECONDS = 120.0
CONTENDED = 0.1  # share of the time that was waited for a core
RECORDED = 400  # legs, of calls of two
CROWD = 1200  # legs that one core carries


@dataclass
class Run:
    """One server with one load; `figures` collects a dict per round."""

    server: str
    mode: str
    legs: int
    extra: str = ""
    figures: list[dict[str, Any]] = field(default_factory=list)
    why_not: str | None = None

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.server, self.mode, f"x{self.legs}", self.extra) if part)

    def once(self, seconds: float) -> None:
        words = [
            sys.executable,
            "-m",
            "bench.media.load",
            self.server,
            self.mode,
            str(self.legs),
            str(seconds),
        ]
        with subprocess.Popen(
            [*words, *self.extra.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as load:
            try:
                told, problem = load.communicate(timeout=RUN_SECONDS)
            except subprocess.TimeoutExpired:
                load.terminate()  # it ends its server
                load.communicate(timeout=20)
                self.why_not = f"not done within {RUN_SECONDS:.0f} s"
                return
        if load.returncode != 0:
            self.why_not = (problem.strip().splitlines() or ["failed"])[-1][:120]
            return
        self.figures.append(json.loads(told.strip().splitlines()[-1]))

    def median(self, key: str) -> float | None:
        found = [figures[key] for figures in self.figures if key in figures]
        return statistics.median(found) if found else None


def groups(most: int) -> list[list[Run]]:
    """Runs that belong side by side."""
    return [
        [Run("ours", "setup", 42), Run("relay", "setup", 42)],
        [Run("ours", "audio", 60), Run("ours-python", "audio", 60), Run("relay", "audio", 4),
         Run("janus-echotest", "audio", 60), Run("janus-videocall", "audio", 60),
         Run("rtpengine", "audio", 60)],
        [Run("ours", "audio", most), Run("ours-python", "audio", most), Run("ours-apart", "audio", most),
         Run("ours", "audio", 40, "busy"), Run("ours-python", "audio", 40, "busy"),
         Run("ours-apart", "audio", 40, "busy")],
        [Run("ours-plain", "audio", 60), Run("ours", "audio", 60, "red"),
         Run("ours", "audio", 60, "red loss"),
         Run("ours-python", "audio", 60, "red"), Run("ours-python", "audio", 60, "red loss")],
        [Run("ours", "audio", CROWD)],
        [Run("ours", "video", 20), Run("ours-python", "video", 20), Run("janus-echotest", "video", 20),
         Run("janus-videocall", "video", 20)],
        [Run("ours", "room", 10), Run("janus-audiobridge", "room", 10)],
        [Run("ours", "room", 30), Run("janus-audiobridge", "room", 30)],
        [Run("ours", "room", 100), Run("ours-python", "room", 100)],
        [Run("ours", "recording", RECORDED)],
        [Run("ours", "pictures", 50), Run("ours-python", "pictures", 50)],
    ]  # fmt: skip


COLUMNS = (
    ("cpu_ms", "ms/leg-s", "{:8.2f}"), ("norm_ms", "norm", "{:8.2f}"), ("core", "core", "{:6.2f}"),
    ("waited", "waited", "{:6.2f}"),
    ("lost", "lost", "{:6.0f}"), ("late_p50", "p50 ms", "{:7.2f}"), ("late_p99", "p99 ms", "{:7.2f}"),
    ("kb_per_leg", "kB/leg", "{:7.0f}"), ("setup_ms", "set-up ms", "{:9.2f}"),
)  # fmt: skip


def table(runs: list[Run]) -> None:
    print(f"{'':34}" + " ".join(f"{title:>9}" for _, title, _ in COLUMNS))
    for run in runs:
        if not run.figures:
            print(f"{run.name:34}not measured: {run.why_not}")
            continue
        cells = []
        for key, _, shape in COLUMNS:
            value = run.median(key)
            skip = (
                value is None
                or (key.startswith("late") and run.mode != "audio")
                or (key == "lost" and run.mode == "room")
            )
            cells.append(f"{'' if skip else shape.format(value):>9}")
        print(f"{run.name:34}" + " ".join(cells))


def ratios(runs: dict[str, Run], most: int) -> None:
    """The promises, each as a ratio of this run."""
    wanted = (
        (
            "one port / a port per leg",
            "cpu_ms",
            f"ours-python audio x{most}",
            f"ours-apart audio x{most}",
            1.05,
        ),
        ("forwarded in C / in Python", "cpu_ms", f"ours audio x{most}", f"ours-python audio x{most}", 0.6),
        ("audio bridge / stock aiortc relay", "cpu_ms", "ours audio x60", "relay audio x4", 1 / 40),
        ("audio bridge / janus videocall", "cpu_ms", "ours audio x60", "janus-videocall audio x60", 1.0),
        ("audio bridge / janus echotest", "cpu_ms", "ours audio x60", "janus-echotest audio x60", 1.0),
        ("audio bridge / rtpengine", "cpu_ms", "ours audio x60", "rtpengine audio x60", 1.7),
        ("RED from devices / none", "cpu_ms", "ours audio x60 red", "ours-plain audio x60", 1.15),
        (
            "RED both ways (10 % lost) / none",
            "cpu_ms",
            "ours audio x60 red loss",
            "ours-plain audio x60",
            1.15,
        ),
        (
            "RED both ways / in, all in Python",
            "cpu_ms",
            "ours-python audio x60 red loss",
            "ours-python audio x60 red",
            1.15,
        ),
        ("video forward / janus videocall", "cpu_ms", "ours video x20", "janus-videocall video x20", 1.0),
        ("video forward / janus echotest", "cpu_ms", "ours video x20", "janus-echotest video x20", 1.0),
        ("room of 10 / AudioBridge", "cpu_ms", "ours room x10", "janus-audiobridge room x10", 0.5),
        ("room of 30 / AudioBridge", "cpu_ms", "ours room x30", "janus-audiobridge room x30", 0.35),
        ("set-up / stock aiortc", "setup_ms", "ours setup x42", "relay setup x42", 0.85),
    )
    print(f"\n{'ratio':40}{'measured':>10}{'promised':>10}")
    for title, key, mine, theirs, promise in wanted:
        one, other = runs.get(mine), runs.get(theirs)
        a = one.median(key) if one else None
        b = other.median(key) if other else None
        if a is None or not b:
            print(f"{title:40}{'-':>10}{promise:>10.3f}")
            continue
        print(f"{title:40}{a / b:>10.3f}{promise:>10.3f}  {'ok' if a / b <= promise else 'MISSED'}")


def hundred(runs: dict[str, Run]) -> None:
    """100 members on one core: each is to get 50 packets a second, as it sends."""
    run = runs.get("ours room x100")
    keys = ("core", "waited", "sent", "received")
    core, waited, sent, received = (run.median(key) if run else None for key in keys)
    if core is None or waited is None or not sent or received is None:
        return
    fine = core <= 1.0 and received >= 0.99 * sent
    verdict = "ok" if fine else "MISSED" if waited < CONTENDED else "no core to itself"
    delivered = f"{100 * min(1.0, received / sent):.1f} % delivered"
    print(f"{'room of 100, cores':40}{core:>10.3f}{1.0:>10.3f}  {verdict}, {delivered}")


def fifty(runs: dict[str, Run]) -> None:
    """50 members with nine pictures each: what one worker takes for them, of the two cores it may have."""
    for name in ("ours pictures x50", "ours-python pictures x50"):
        run = runs.get(name)
        keys = ("core", "waited", "due", "lost")
        core, waited, due, lost = (run.median(key) if run else None for key in keys)
        if core is None or waited is None or not due or lost is None:
            continue
        fine = core <= 2.0 and lost <= 0.01 * due
        verdict = "ok" if fine else "MISSED" if waited < 0.1 else "no core to itself"
        print(f"{name + ', cores':40}{core:>10.3f}{2.0:>10.3f}  {verdict}, {100 * lost / due:.2f} % lost")


def bars(runs: dict[str, Run]) -> None:
    """The promises that are no ratios. What waited for a core says nothing of how soon it would have been."""
    for title, key, name, promise in (
        ("200 recorded calls of two, cores", "core", f"ours recording x{RECORDED}", 1.0),
        ("200 recorded calls, packets lost", "lost", f"ours recording x{RECORDED}", 0),
        ("200 recorded calls, seconds missing", "missing", f"ours recording x{RECORDED}", 0.5),
        ("200 recorded calls, parties decoded", "decoded", f"ours recording x{RECORDED}", 0),
        ("200 legs, cores", "core", "ours audio x200", 0.12),
        ("40 legs beside a busy thread, p99 ms", "late_p99", "ours audio x40 busy", 1.0),
        ("1200 legs, cores", "core", f"ours audio x{CROWD}", 1.0),
        ("1200 legs, packets lost", "lost", f"ours audio x{CROWD}", 0),
        ("1200 legs, p99 ms", "late_p99", f"ours audio x{CROWD}", 5.0),
    ):
        run = runs.get(name)
        found = run.median(key) if run else None
        if run is None or found is None:
            continue
        contended = max(run.median("waited") or 0, run.median("load_waited") or 0) > CONTENDED
        verdict = "ok" if found <= promise else "no core to itself" if contended else "MISSED"
        print(f"{title:40}{found:>10.3f}{promise:>10.3f}  {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.media")
    parser.add_argument("--quick", action="store_true", help="one round, smaller loads")
    parser.add_argument("--only", default="", help="groups in which a name contains this")
    chosen = parser.parse_args()
    reasons = {"janus": janus.available(), "rtpengine": rtpengine.available()}
    every: list[Run] = []
    most = 60 if chosen.quick else 200
    for group in groups(most):
        if chosen.only and not any(chosen.only in run.name for run in group):
            continue
        for _ in range(1 if chosen.quick else 3):
            for run in group:
                run.why_not = reasons.get(run.server.partition("-")[0])
                if run.why_not is None:
                    run.once(4 if chosen.quick else 6)
        every += group
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    table(every)
    ratios({run.name: run for run in every}, most)
    hundred({run.name: run for run in every})
    fifty({run.name: run for run in every})
    bars({run.name: run for run in every})
    return 0


if __name__ == "__main__":
    sys.exit(main())
