"""The forwarding loop's C code is small enough to be read in one sitting: each line of it can be attacked."""

from __future__ import annotations

import re

from calling.media.loop import build

MOST_LINES = 900  # without blank ones and comments


def test_the_c_code_has_at_most_nine_hundred_lines() -> None:
    lines = 0
    for source in build.sources():
        text = re.sub(r"/\*.*?\*/", "", source.read_text(), flags=re.DOTALL)
        lines += sum(1 for line in text.splitlines() if line.strip())
    assert lines <= MOST_LINES
