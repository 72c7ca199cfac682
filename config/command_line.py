"""`manage.py`: runs a command, and says in one sentence why PostgreSQL cannot be asked.

Must not live here: any command. Processes that serve (sweep, sip, speech) wait for PostgreSQL instead.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from collections.abc import Sequence

import psycopg
from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError, connection

ADVICE = "Start it, or check DATABASE_URL; the embedded one runs while `make run` does."
SERVING = frozenset({"sip", "speech", "sweep"})
_SECONDS = 3


def run(argv: Sequence[str]) -> None:
    """Ends the process with status 1 and one sentence if the database is unavailable or has no tables, or if
    its own output cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # in a locale of ASCII alone names are still shown
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # started with it closed
    if not SERVING.intersection(argv[1:2]):
        # Its retries, as JSON lines, would bury the sentence.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    try:
        execute_from_command_line(list(argv))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        _write_no_more()
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _write_no_more()
        sys.exit(f"callwright: the output cannot be written: {error.strerror}")
    except (OperationalError, ProgrammingError, psycopg.OperationalError) as error:
        words = told(error)
        if words is None or "--traceback" in argv:
            raise
        sys.exit(f"callwright: {words}")


def _write_no_more() -> None:
    """What is still buffered for the output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def told(error: Exception) -> str | None:
    """The sentence, or None for an error that is no matter of where the database is."""
    if isinstance(error.__cause__, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "The database has not the tables of this version. Run `manage.py prepare`."
    if isinstance(error, ProgrammingError):
        return None
    why = reason()
    return f"PostgreSQL cannot be reached: {why}. {ADVICE}" if why else None


def reason() -> str | None:
    """What PostgreSQL or the network says to a connection of our own; None where it succeeds.

    The pool itself says only that it waited for nothing.
    """
    try:
        psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": _SECONDS}).close()
    except psycopg.Error as error:
        first = (str(error).strip().splitlines() or ["no connection"])[0]
        return first.removeprefix("connection failed: ").removeprefix("connection is bad: ").rstrip(".")
    return None
