"""`manage.py loadtest`: real calls with real sound against a running instance, and a table of how it went."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.parse
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import clock
from bench.api import Api, Refused
from bench.load import Load, LoadTest, summary, table
from bench.softphone import Missing, stay_on_loopback
from config import env as environment
from config.supervisor import credentials

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Command(BaseCommand):
    help = (
        "Places calls between software phones, dials some over REST, fills rooms, checks what is heard and "
        "that the event log has no gap. Leaves subscribers named load-* behind."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="default: this instance over http")
        parser.add_argument("--project", help="default: the first project of this instance")
        parser.add_argument("--token", help="API token; default: that of the first project")
        parser.add_argument("--calls", type=between(0, 100_000), default=30, help="calls in all (30)")
        parser.add_argument("--at-once", type=between(1, 1000), default=5, help="calls at a time (5)")
        parser.add_argument("--talk", type=between(0, 600), default=1, help="seconds each call lasts (1)")
        parser.add_argument("--rooms", type=between(0, 1000), default=1, help="rooms to fill (1)")
        parser.add_argument("--members", type=between(2, 100), default=4, help="members of each room (4)")
        parser.add_argument(
            "--limit",
            type=between(1, 86_400),
            default=1800,
            help="seconds after which it ends, done or not (1800)",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")

    def handle(self, *args: object, **options: Any) -> None:
        api, socket_url = target(options)
        load = Load(
            options["calls"], options["at_once"], options["talk"], options["rooms"], options["members"]
        )
        test = LoadTest(api, socket_url, load, self._progress)
        begun = clock.monotonic()
        try:
            asyncio.run(asyncio.wait_for(test.run(), options["limit"]))
        except TimeoutError:
            test.tallies["device to device"].note(Missing(f"the end within {options['limit']} s"))
        self._progress("")
        seconds = clock.monotonic() - begun
        self.stdout.write(json.dumps(summary(test, seconds)) if options["json"] else table(test, seconds))
        if any(tally.problems for _, tally in test.rows()):
            sys.exit(1)

    def _progress(self, words: str) -> None:
        """On the error output, so that the result alone stands on the other."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{words}", ending="")
            self.stderr.flush()


def target(options: dict[str, Any]) -> tuple[Api, str]:
    """The instance that the options name, else this machine's, and the URL of its device socket.

    Raises CommandError where it does not answer, or does not take the credentials.
    """
    env = environment.load()
    who = credentials.read(env.data_dir)
    url = options["url"] or f"http://{_here(env.bind)}:{env.http_port}"
    project = options["project"] or env.project_id or (who and who.project_id)
    token = options["token"] or env.api_token or (who and who.api_token)
    if not project or not token:
        raise CommandError("Give --project and --token: this machine knows no credentials.")
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"--url must be an http:// or https:// address, not {url!r}.")
    if parts.hostname in _LOOPBACK:
        stay_on_loopback()
    api = Api(url, str(project), token)
    try:
        api.ask("GET", "/api/calls?page_size=1")
    except Refused as why:
        raise CommandError(f"{url} refuses the project id or the API token: {why}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        words = getattr(reason, "strerror", None) or reason
        raise CommandError(f"{url} cannot be reached: {words}. Is the instance running?") from None
    return api, url.replace("http", "ws", 1).rstrip("/") + "/ws/phone"


def between(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    number.__name__ = f"number from {low} to {high}"  # argparse says it: "invalid number from … value"
    return number


def _here(bind: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, bind)
