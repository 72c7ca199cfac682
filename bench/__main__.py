"""`make bench`: idle cost, set-up, webhooks, growth, playing, speech, SIP, then media with the arguments."""

from __future__ import annotations

import subprocess
import sys

from bench.media.__main__ import main

if __name__ == "__main__":
    failed = 0
    if "--only" not in sys.argv:  # a choice of media rows is a choice of media rows
        for part in (
            "bench.idle",
            "bench.calls",
            "bench.webhooks",
            "bench.growth",
            "bench.playing",
            "bench.transcribing",
            "bench.sip",
        ):
            failed |= subprocess.run([sys.executable, "-m", part], check=False).returncode
    sys.exit(main() or failed)
