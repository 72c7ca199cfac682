"""`callwright speech install`: the models of speech for this machine, by `manage.py speech_install`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from clients.command import checkout
from clients.command.instance import Instance

EXTRAS = ("stt", "denoise", "turns")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("speech", help="install the models of speech on this machine")
    parser.add_argument("act", choices=["install"], metavar="install", help="the only thing to do")
    which = f"{', '.join(EXTRAS)}; default: the first two"
    parser.add_argument("extras", nargs="*", default=[], metavar="EXTRA", help=which)
    parser.add_argument("--check", action="store_true", help="only show which are here")
    parser.add_argument("--from", dest="address", metavar="URL", help="take the files from this address")
    parser.set_defaults(run=run)


def arguments(given: argparse.Namespace) -> list[str]:
    found = ["speech_install", *given.extras]
    found += ["--check"] if given.check else []
    found += ["--from", given.address] if given.address else []
    return [*found, "--json"] if given.json else found


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    checkout.become(arguments(given))
