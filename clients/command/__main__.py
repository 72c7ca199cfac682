"""`python -m clients.command`: reads the command line and gives each subcommand its arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from clients.command import call, completion, events, listen, settings_file, token
from clients.command.instance import Away, Refused, WrongUsage, from_environment

ROOT = Path(__file__).resolve().parents[2]
# Commands of manage.py that go by their own name here; they take options of their own.
OF_MANAGE = ("doctor", "loadtest")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="callwright",
        description="Calls, events and tokens of a Callwright instance.",
        epilog="Credentials: --key or CALLWRIGHT_API_KEY, written project-id:key; without either, those that "
        "`make run` made on this machine.",
    )
    top.add_argument("--url", help="the instance; default: CALLWRIGHT_URL, else http://localhost:8000")
    top.add_argument(
        "--key", help="project-id:key; better in CALLWRIGHT_API_KEY, which no process list shows"
    )
    top.add_argument("--json", action="store_true", help="print JSON lines instead of text")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (call, listen, events, token, settings_file, completion):
        module.add(commands)
    for each in commands.choices.values():  # after the command they mean the same
        for option in ("--url", "--key"):
            each.add_argument(option, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON lines")
    for name in OF_MANAGE:
        text = {"doctor": "check this machine's instance", "loadtest": "place many real calls"}[name]
        commands.add_parser(name, help=f"{text} (the same as manage.py {name})", add_help=False)
    top.set_defaults(top=top)
    return top


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in OF_MANAGE:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "manage.py", *arguments])
    given = parser().parse_args(arguments)
    try:
        return int(given.run(given, lambda: from_environment(given.url, given.key, ROOT)))
    except (Refused, Away) as refused:
        print(f"callwright: {refused}", file=sys.stderr)
        return 1
    except WrongUsage as wrong:
        print(f"callwright: {wrong}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
