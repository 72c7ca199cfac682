"""`make bench`: the benchmark suite. Arguments go to the media table (bench.media)."""

from __future__ import annotations

import sys

from bench.media.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
