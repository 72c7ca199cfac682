"""`callwright loadtest`: real calls with real sound, within bounds, by `manage.py loadtest` of this checkout.

Lives here: which options there are, and whose credentials it takes. The key goes by the environment, as a
command line stands in every process list.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from clients.command.instance import Instance, WrongUsage

ROOT = Path(__file__).resolve().parents[2]
# name: default, least, most, what it is
NUMBERS = {
    "calls": (30, 0, 100_000, "calls in all"),
    "at-once": (5, 1, 1000, "calls at a time"),
    "talk": (1, 0, 600, "seconds that each call lasts"),
    "rooms": (1, 0, 1000, "rooms to fill"),
    "members": (4, 2, 100, "members of each room"),
    "limit": (1800, 1, 86_400, "seconds after which it ends, done or not"),
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("loadtest", help="place many real calls and report the results")
    for name, (default, least, most, words) in NUMBERS.items():
        text = f"{words}: {least} to {most}, default {default}"
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=text)
    parser.set_defaults(run=run)


def arguments(given: argparse.Namespace, instance: Instance) -> list[str]:
    found = ["--url", instance.url]
    for name, (_, least, most, _) in NUMBERS.items():
        value = getattr(given, name.replace("-", "_"))
        if not least <= value <= most:
            raise WrongUsage(f"--{name} is {least} to {most}.")
        found += [f"--{name}", str(value)]
    return [*found, "--json"] if given.json else found


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    instance = find()
    wanted = arguments(given, instance)
    own = {"CALLWRIGHT_PROJECT_ID": instance.project_id, "CALLWRIGHT_API_TOKEN": instance.key}
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "manage.py", "loadtest", *wanted], {**os.environ, **own})
