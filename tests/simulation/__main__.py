"""`make simulate [SEED=… CALLS=…]`: run seeds until a law breaks or the number of calls is reached."""

from __future__ import annotations

import argparse
import os
import sys

# A run of a seed is the same in every process: sets of words keep their order.
if os.environ.get("PYTHONHASHSEED") != "0":
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="the database, for the next run")
    parser.add_argument("--calm", action="store_true", help="no faults")
    parser.add_argument("--lines", type=int, default=40, help="of the schedule to print where a law breaks")
    given = parser.parse_args()

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import random

    import django

    django.setup()
    import logging

    from django.test.utils import setup_databases, teardown_databases

    from tests.simulation.simulate import simulate

    logging.disable(logging.CRITICAL)
    made = setup_databases(0, False, keepdb=given.keep)
    first = given.seed if given.seed is not None else random.SystemRandom().randrange(2**31)
    try:
        for seed in range(first, first + given.runs):
            outcome = simulate(
                seed, given.calls, faults=not given.calm, progress=lambda line: print(line, flush=True)
            )
            if outcome.broken:
                print("\n".join(outcome.tail[-given.lines :]))
            print(outcome.text(), flush=True)
            if outcome.broken:
                print(f"again: make simulate SEED={seed} CALLS={given.calls}")
                return 1
    finally:
        teardown_databases(made, 0, keepdb=given.keep)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
