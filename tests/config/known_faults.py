"""Whether a pinned version has a known fault: pip-audit where it reaches its data, a kept list in any case.

`python -m tests.config.known_faults` (in `make lint`) says which of the two has judged the packages. The kept
list, known_faults.txt, holds the first version without faults of each package; what pip-audit cannot look up
in time counts as judged by it alone.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from config.env import ROOT

KEPT: Final = Path(__file__).with_name("known_faults.txt")
LOCKS: Final = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-pip.lock",
    "requirements-speech.lock",
)
SECONDS: Final = 60.0  # for all of it; each look-up has 5

Pins = list[tuple[str, str]]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", version, maxsplit=1)[0]))


def floors() -> dict[str, str]:
    lines = [line.split() for line in KEPT.read_text().splitlines() if line and not line.startswith("#")]
    return {words[0]: words[1] for words in lines}


def pinned(lock: str) -> Pins:
    return re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)


def faulty(found: Pins) -> list[str]:
    """Those that are older than the kept list allows."""
    known = floors()
    return [
        f"{name} {version}"
        for name, version in found
        if numbers(version) < numbers(known.get(name.lower().replace("_", "-"), "0"))
    ]


def audit(*lead: str, seconds: float = SECONDS) -> tuple[int, list[str], str]:
    """How many packages pip-audit could look up, the faults it knows, and why it could not for some.

    `lead`: what is run in its place, for tests.
    """
    command = list(lead) or [sys.executable, "-m", "pip_audit"]
    for lock in LOCKS:
        command += ["-r", lock]
    command += [
        "--disable-pip",
        "--require-hashes",
        "-f",
        "json",
        "--progress-spinner",
        "off",
        "--timeout",
        "5",
    ]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
        rows = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return 0, [], f"no answer within {seconds:g} s"
    except OSError as problem:
        return 0, [], str(problem)
    except (ValueError, LookupError, TypeError):
        return 0, [], (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
    seen = [row for row in rows if "skip_reason" not in row]
    skipped = [str(row["skip_reason"]) for row in rows if "skip_reason" in row]
    faults = [f"{row['name']} {row['version']}: {fault['id']}" for row in seen for fault in row["vulns"]]
    why = f"{len(skipped)} of {len(rows)} not found, as {skipped[0]}" if skipped else ""
    return len(seen), sorted(faults), why


def main(*lead: str) -> int:
    seen, faults, why = audit(*lead)
    if seen and not why:
        print(f"pip-audit: {seen} packages looked up, {len(faults)} known faults")
    else:
        print(f"pip-audit: {seen} packages looked up ({why}); the kept list judges the others")
    found = [pin for lock in LOCKS for pin in pinned(lock)]
    old = faulty(found)
    print(f"known_faults.txt: {len(floors())} packages listed, {len(old)} of {len(found)} pins too old")
    for each in [*faults, *old]:
        print(f"  {each}")
    return 1 if faults or old else 0


if __name__ == "__main__":
    sys.exit(main())
