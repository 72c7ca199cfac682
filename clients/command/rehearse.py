"""`callwright rehearse`: callers of a scenario, by `manage.py rehearse` of this checkout."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from clients.command import checkout
from clients.command.instance import Instance

NUMBERS = {
    "calls": (1, 1, 10_000, "calls in all"),
    "at-once": (2, 1, 100, "calls at a time"),
    "limit": (1800, 1, 86_400, "seconds after which it ends, done or not"),
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("rehearse", help="play a scenario's callers and report how they were served")
    parser.add_argument("scenario", help="a YAML file")
    checkout.add_numbers(parser, NUMBERS)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    instance, scenario = find(), str(Path(given.scenario).resolve())
    checkout.become(["rehearse", scenario, *checkout.arguments(given, instance, NUMBERS)], instance)
