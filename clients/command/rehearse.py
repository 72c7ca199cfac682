"""`callwright rehearse`: callers of a scenario, by `manage.py rehearse` of this checkout. The key goes by the
environment, as a command line stands in every process list."""

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
    "calls": (1, 1, 10_000, "calls in all"),
    "at-once": (2, 1, 100, "calls at a time"),
    "limit": (1800, 1, 86_400, "seconds after which it ends, done or not"),
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("rehearse", help="play a scenario's callers and report how they were served")
    parser.add_argument("scenario", help="a YAML file")
    for name, (default, least, most, words) in NUMBERS.items():
        text = f"{words}: {least} to {most}, default {default}"
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=text)
    parser.set_defaults(run=run)


def arguments(given: argparse.Namespace, instance: Instance) -> list[str]:
    found = [str(Path(given.scenario).resolve()), "--url", instance.url]
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
    os.execve(sys.executable, [sys.executable, "manage.py", "rehearse", *wanted], {**os.environ, **own})
