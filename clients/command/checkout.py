"""Commands that `manage.py` of this checkout carries out: `loadtest`, `rehearse` and `speech`.

Lives here: numbers with their bounds, and how a command is handed on. A key goes by the environment, as a
command line stands in every process list.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from clients.command.instance import Instance, WrongUsage

ROOT = Path(__file__).resolve().parents[2]
Numbers = Mapping[str, tuple[int, int, int, str]]
"""By option: default, least, most, and what it is."""


def add_numbers(parser: argparse.ArgumentParser, numbers: Numbers) -> None:
    for name, (default, least, most, words) in numbers.items():
        text = f"{words}: {least} to {most}, default {default}"
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=text)


def arguments(given: argparse.Namespace, instance: Instance, numbers: Numbers) -> list[str]:
    """Options of `manage.py`. Raises WrongUsage for a number out of bounds."""
    found = ["--url", instance.url]
    for name, (_, least, most, _) in numbers.items():
        value = getattr(given, name.replace("-", "_"))
        if not least <= value <= most:
            raise WrongUsage(f"--{name} is {least} to {most}.")
        found += [f"--{name}", str(value)]
    return [*found, "--json"] if given.json else found


def become(command: Sequence[str], instance: Instance | None = None) -> NoReturn:
    """Be `manage.py command` from now on, with the credentials of that instance."""
    own = {} if instance is None else {
        "CALLWRIGHT_PROJECT_ID": instance.project_id, "CALLWRIGHT_API_TOKEN": instance.key,
    }  # fmt: skip
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "manage.py", *command], {**os.environ, **own})
