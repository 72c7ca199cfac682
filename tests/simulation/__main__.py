"""`make simulate [SEED=… CALLS=… RUNS=… PROCESSES=… SCHEDULE=…]`: run seeds until a law breaks, and shrink
that one."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--pace", type=float, default=None, help="how much oftener than ordinary people call")
    parser.add_argument("--processes", type=int, default=1, help="worlds beside one another")
    parser.add_argument("--step", type=int, default=1, help="from one seed to the next")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each run, and nothing else")
    parser.add_argument("--again", type=int, default=1, help="how often each seed is run")
    parser.add_argument("--schedule", help="a file of tests/simulation/kept, instead of a seed")
    parser.add_argument("--keep", action="store_true", help="the database, for the next run")
    parser.add_argument("--calm", action="store_true", help="no faults")
    parser.add_argument("--lines", type=int, default=40, help="of the log to print where a law breaks")
    parser.add_argument("--log", help="where to write the whole log of the last run")
    parser.add_argument("--shrink", type=float, default=300.0, help="seconds to shrink a failing seed in")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    given = parser.parse_args()

    import random

    first = given.seed if given.seed is not None else random.SystemRandom().randrange(2**31)
    if given.processes > 1:
        from tests.simulation import many

        totals = many.run(
            first, given.calls * given.runs, given.processes, progress=lambda line: print(line, flush=True)
        )
        print(totals.text())
        return bool(totals.broken)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

    import django

    django.setup()
    import logging

    from django.conf import settings
    from django.test.utils import setup_databases, teardown_databases

    from tests.simulation import many, schedule, shrink
    from tests.simulation.simulate import Outcome, simulate

    logging.disable(logging.CRITICAL)
    if name := os.environ.get("SIMULATION_DATABASE"):  # several worlds beside one another
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = name
    made = setup_databases(0, False, keepdb=given.keep)

    def show(line: str) -> None:
        if not given.quiet and not given.json:
            print(line, flush=True)

    def run(what: schedule.Schedule) -> Outcome:
        return simulate(what, faults=not given.calm, progress=show)

    def pace(seed: int) -> float:
        return given.pace or (many.pace_of(seed) if given.json else 1.0)

    wanted = [
        schedule.Schedule(seed, given.calls, pace=pace(seed))
        for seed in range(first, first + given.runs * given.step, given.step)
        for _ in range(given.again)
    ]
    if given.schedule:
        wanted = [schedule.read(Path(given.schedule).read_text())]
    try:
        for each in wanted:
            outcome = run(each)
            if given.log:
                Path(given.log).write_text("\n".join(outcome.tail))
            if given.json:
                print(json.dumps(outcome.said()), flush=True)
                if outcome.broken:
                    return 1
                continue
            if outcome.broken:
                print("\n".join(outcome.tail[-given.lines :]))
            print(outcome.text(), flush=True)
            if not outcome.broken:
                continue
            law = outcome.broken.split(":")[0]
            small = shrink.shrink(
                each,
                outcome.happened,
                lambda one, law=law: (simulate(one).broken or "").split(":")[0] == law,  # type: ignore[misc]
                seconds=given.shrink,
                progress=show,
            )
            schedule.KEPT.mkdir(exist_ok=True)
            path = schedule.KEPT / f"{each.seed}-{each.calls}.txt"
            path.write_text(small.text(outcome.broken))
            print(small.text(outcome.broken))
            print(f"again: {outcome.again()}, or SCHEDULE={path}")
            return 1
    finally:
        teardown_databases(made, 0, keepdb=given.keep)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
