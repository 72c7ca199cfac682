"""`python -m tests.fuzz.grow [target …] [--seconds N] [--seed N]`: fuzz, and keep what goes somewhere new.

An input is kept if it takes its reader from one line to another as none before did (lines of the modules
in READERS). What breaks a target is kept too, and printed: mend the reader, and the corpus keeps watch.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterable
from types import FrameType
from typing import Any

Edge = tuple[str, int, int]


class Watch:
    """Which steps from line to line a target takes within some files."""

    def __init__(self, files: Iterable[str]) -> None:
        self.files = frozenset(files)
        self.seen: set[Edge] = set()

    def run(self, target: Any, data: bytes) -> set[Edge]:
        """The steps of this run; raises what the target raises."""
        edges: set[Edge] = set()
        last: dict[FrameType, int] = {}

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            edges.add((frame.f_code.co_filename, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
            return line

        def call(frame: FrameType, event: str, argument: Any) -> Any:
            return line if frame.f_code.co_filename in self.files else None

        sys.settrace(call)
        try:
            target(data)
        finally:
            sys.settrace(None)
        return edges


def grow(
    name: str, seconds: float, chance: random.Random
) -> tuple[list[bytes], list[tuple[bytes, Exception]]]:
    """(the corpus, grown; what broke the target and how)."""
    from tests.fuzz import corpus, seeds, targets
    from tests.fuzz.mutate import mutated

    watch = Watch(str(module.__file__) for module in targets.READERS[name])
    target, kept, broken = targets.TARGETS[name], [], []

    def tried(data: bytes) -> bool:
        try:
            edges = watch.run(target, data)
        except Exception as error:
            if not any(type(error) is type(other) and str(error) == str(other) for _, other in broken):
                broken.append((data, error))
            return True
        new = edges - watch.seen
        watch.seen |= edges
        return bool(new)

    for data in [*seeds.SEEDS[name], *corpus.load(name)]:
        if tried(data):
            kept.append(data)
    end, tries = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutated(chance, chance.choice(kept), kept)[:4096]
        tries += 1
        if tried(data):
            kept.append(data)
    print(
        f"{name}: {tries} tries, {len(kept)} kept, {len(watch.seen)} steps, {len(broken)} broke it",
        flush=True,
    )
    return kept, broken


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("CALLWRIGHT_SECRET_KEY", "fuzz")
    import django

    django.setup()
    from tests.fuzz import corpus, targets

    parser = argparse.ArgumentParser(prog="tests.fuzz.grow", description="Fuzz the readers; grow the corpus.")
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(targets.TARGETS)}; all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (60)")
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args()
    unknown = set(chosen.targets) - targets.TARGETS.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chance, failed = random.Random(chosen.seed), 0
    for name in chosen.targets or targets.TARGETS:
        kept, broken = grow(name, chosen.seconds, chance)
        corpus.keep(name, kept)
        for data, error in broken:
            failed += 1
            print(f"  {error!r} for {data!r}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
