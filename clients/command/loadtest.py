"""`callwright loadtest`: real calls with real sound, by `manage.py loadtest` of this checkout."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from clients.command import checkout
from clients.command.instance import Instance

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
    checkout.add_numbers(parser, NUMBERS)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    instance = find()
    checkout.become(["loadtest", *checkout.arguments(given, instance, NUMBERS)], instance)
