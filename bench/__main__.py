"""`make bench`: the benchmark suite: webhooks, then media. Arguments go to the media table (bench.media)."""

from __future__ import annotations

import subprocess
import sys

from bench.media.__main__ import main

if __name__ == "__main__":
    webhooks = 0
    if "--only" not in sys.argv:  # a choice of media rows is a choice of media rows
        webhooks = subprocess.run([sys.executable, "-m", "bench.webhooks"], check=False).returncode
    sys.exit(main() or webhooks)
