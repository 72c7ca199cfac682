"""`python -m clients.command`: reads the command line and gives each subcommand its arguments."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from clients.command import call, completion, events, listen, loadtest, rehearse, settings_file, speech, token
from clients.command.instance import Away, Refused, Unreachable, WrongUsage, from_environment

ROOT = Path(__file__).resolve().parents[2]
# A command of manage.py that goes by its own name here; it takes options of its own.
OF_MANAGE = ("doctor",)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="callwright",
        description="Calls, events and tokens of a Callwright instance.",
        epilog="Credentials: --key or CALLWRIGHT_API_KEY, written project-id:key; without either, those that "
        "`make run` made on this machine.",
    )
    top.add_argument("--url", help="URL of the instance; default: CALLWRIGHT_URL, else http://localhost:8000")
    top.add_argument(
        "--key", help="project-id:key; better set CALLWRIGHT_API_KEY, which process lists do not show"
    )
    top.add_argument("--json", action="store_true", help="print JSON lines instead of text")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (call, listen, events, token, settings_file, loadtest, rehearse, speech, completion):
        module.add(commands)
    for each in commands.choices.values():  # after the command they mean the same
        for option in ("--url", "--key"):
            each.add_argument(option, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON lines")
    for name in OF_MANAGE:
        text = f"check this machine's instance (the same as manage.py {name})"
        commands.add_parser(name, help=text, add_help=False).set_defaults(run=alone)
    top.set_defaults(top=top)
    return top


def alone(given: argparse.Namespace, find: Callable[[], object]) -> int:
    raise WrongUsage(
        f"{given.command} comes first and knows this machine's instance: callwright {given.command}"
    )


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in OF_MANAGE:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "manage.py", *arguments])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # in a locale of ASCII alone names are still shown
            stream.reconfigure(errors="backslashreplace")
    try:
        given = parser().parse_args(arguments)
        status = int(given.run(given, lambda: from_environment(given.url, given.key, ROOT)))
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except Unreachable as away:
        advice = "Is it running? Name another one with --url or CALLWRIGHT_URL."
        print(f"callwright: {away}. {advice}", file=sys.stderr)
        return 1
    except (Refused, Away) as refused:
        print(f"callwright: {refused}", file=sys.stderr)
        return 1
    except WrongUsage as wrong:
        print(f"callwright: {wrong}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        _write_no_more()
        return 0
    except OSError as error:
        print(f"callwright: the output cannot be written: {error.strerror}", file=sys.stderr)
        _write_no_more()
        return 1


def _write_no_more() -> None:
    """What is still buffered for the output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
