"""`python -m bench.sip`: SIP's promises, measured in this run beside Debian's rtpengine in userspace.

Sixty two-way G.711 calls on one core without a loss: through the whole platform, and on the media plane
alone; what Opus↔PCMU costs a leg. Each pair that makes a ratio is measured side by side, several rounds,
medians. `waited` is how long the server stood ready without a core: other work on the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from bench.media import rtpengine

CALLS = 60
TRANSCODED = 40  # legs
PROMISED = 1.0

RUNS = {
    "ours G.711 forwarded": ("ours", "pcmu", "pcmu", 2 * CALLS),
    "rtpengine G.711 forwarded": ("rtpengine", "pcmu", "pcmu", 2 * CALLS),
    "ours Opus↔PCMU": ("ours", "opus", "pcmu", TRANSCODED),
    "rtpengine Opus↔PCMU": ("rtpengine", "opus", "pcmu", TRANSCODED),
}
COLUMNS = (("cpu_ms", "ms/leg-s", "{:.2f}"), ("core", "core", "{:.3f}"), ("waited", "waited", "{:.2f}"),
           ("sent", "sent", "{:.0f}"), ("lost", "lost", "{:.0f}"), ("wrong", "wrong", "{:.0f}"))  # fmt: skip


def child(*words: str) -> dict[str, float] | None:
    """The figures of one run, None (and its last words) where it failed."""
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=600)
    lines = done.stdout.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        print("\n".join((done.stderr or done.stdout).strip().splitlines()[-8:]), file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(lines[-1])
    return found


def rounds(seconds: float, count: int) -> dict[str, dict[str, float]]:
    """Medians by run; rtpengine's are left out where it is not installed."""
    why_not = rtpengine.available()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    for _ in range(count):
        for name, (server, one, other, legs) in RUNS.items():
            if server == "rtpengine" and why_not:
                continue
            figures = child("bench.sip_media", server, one, other, str(legs), str(seconds))
            if figures is not None:
                found[name].append(figures)
    if why_not:
        print(f"rtpengine is not measured: {why_not}", file=sys.stderr)
    return {
        name: {key: statistics.median(each[key] for each in some) for key in some[0]}
        for name, some in found.items()
        if some
    }


def table(found: dict[str, dict[str, float]], platform: dict[str, Any] | None) -> None:
    print(f"\n{'':32}" + "".join(f"{title:>10}" for _, title, _ in COLUMNS))
    for name, figures in found.items():
        print(f"{name:32}" + "".join(f"{shape.format(figures[key]):>10}" for key, _, shape in COLUMNS))
    if platform:
        cells = {"cpu_ms": 1000 * platform["core"] / platform["calls"] / 2, **platform}
        name = f"{platform['calls']} calls, whole platform"
        print(f"{name:32}" + "".join(f"{shape.format(cells[key]):>10}" for key, _, shape in COLUMNS))
        print(f"{'':32}set-up p50 {platform['setup_p50_ms']:.0f} ms")


def verdicts(found: dict[str, dict[str, float]], platform: dict[str, Any] | None) -> bool:
    """Print each promise with its figure; False if one was missed."""
    good = True

    def say(words: str, kept: bool, figure: str) -> None:
        nonlocal good
        good = good and kept
        print(f"{words:64}{figure:>10}  {'ok' if kept else 'MISSED'}")

    print()
    if platform:
        kept = platform["lost"] == platform["wrong"] == 0
        say(f"{platform['calls']} two-way SIP calls, packets lost", kept, f"{platform['lost']:.0f}")
        say("  share of one core that the worker used", platform["core"] <= 1, f"{platform['core']:.3f}")
    mine, theirs = found.get("ours Opus↔PCMU"), found.get("rtpengine Opus↔PCMU")
    if mine and theirs:
        ratio = mine["cpu_ms"] / theirs["cpu_ms"]
        say("Opus↔PCMU CPU per leg / rtpengine's", ratio <= PROMISED, f"{ratio:.3f}")
    return good


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sip", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, shorter")
    options = parser.parse_args(arguments)
    found = rounds(3 if options.quick else 6, 1 if options.quick else 3)
    platform = child("bench.sip_calls", "--calls", str(CALLS), "--seconds", "5" if options.quick else "15")
    table(found, platform)
    return 0 if verdicts(found, platform) and platform is not None else 1


if __name__ == "__main__":
    sys.exit(main())
