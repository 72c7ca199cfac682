"""`make bench`: idle cost, set-up and cost of a call, calls at a rate, webhooks, growth, retention, a storm
of sockets, playing, speech, who answered and SIP, then media, where arguments go to. A part that lacks a
program or an extra says so and is skipped.

`python -m bench NAME …` runs one of them, with its own arguments.
"""

from __future__ import annotations

import subprocess
import sys

from bench.media.__main__ import main

PARTS = (
    "idle",
    "calls",
    "setup",
    "rate",
    "webhooks",
    "growth",
    "retention",
    "storm",
    "playing",
    "recognising",
    "accuracy",
    "transcribing",
    "greetings",
    "loss",
    "sip",
)


def run(part: str, *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", f"bench.{part}", *arguments], check=False).returncode


if __name__ == "__main__":
    if {"-h", "--help"}.intersection(sys.argv[1:2]):
        print(f"{__doc__}\nParts, each of which may be named: {', '.join(PARTS)}")
        sys.exit(0)
    if sys.argv[1:2] and sys.argv[1] in PARTS:
        sys.exit(run(*sys.argv[1:]))
    failed = 0
    if "--only" not in sys.argv:  # a choice of media rows is a choice of media rows
        for part in PARTS:
            failed |= run(part)
    sys.exit(main() or failed)
