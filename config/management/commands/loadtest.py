"""`manage.py loadtest`: real calls with real sound against a running instance, and a table of how it went."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import clock
from bench.api import Api
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
        parser.add_argument("--calls", type=_between(0, 100_000), default=30)
        parser.add_argument("--at-once", type=_between(1, 1000), default=5)
        parser.add_argument("--talk", type=_between(0, 600), default=1, help="seconds each call lasts")
        parser.add_argument("--rooms", type=_between(0, 1000), default=1)
        parser.add_argument("--members", type=_between(2, 100), default=4)
        parser.add_argument(
            "--limit", type=_between(1, 86_400), default=1800, help="seconds after which it ends, done or not"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")

    def handle(self, *args: object, **options: Any) -> None:
        env = environment.load()
        who = credentials.read(env.data_dir)
        url = options["url"] or f"http://{_here(env.bind)}:{env.http_port}"
        project = options["project"] or env.project_id or (who and who.project_id)
        token = options["token"] or env.api_token or (who and who.api_token)
        if not project or not token:
            raise CommandError("Give --project and --token: this machine knows no credentials.")
        if url.split("//")[-1].split(":")[0].split("/")[0] in _LOOPBACK:
            stay_on_loopback()
        load = Load(
            options["calls"], options["at_once"], options["talk"], options["rooms"], options["members"]
        )
        socket_url = url.replace("http", "ws", 1).rstrip("/") + "/ws/phone"
        test = LoadTest(Api(url, str(project), token), socket_url, load, self._progress)
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


def _between(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    number.__name__ = f"number from {low} to {high}"  # argparse says it: "invalid number from … value"
    return number


def _here(bind: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, bind)
