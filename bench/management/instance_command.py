"""What `loadtest` and `rehearse` share: a running instance, by its URL and credentials, and progress.

Lives here: options and how they are read. What is done with the instance is in `commands/` and `bench`.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bench.api import Api, Refused
from bench.softphone import stay_on_loopback
from config import env as environment
from config.supervisor import credentials

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class InstanceCommand(BaseCommand):
    """A command that calls within an instance, this one where no other is named."""

    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="default: this instance over http")
        parser.add_argument("--project", help="default: the first project of this instance")
        parser.add_argument("--token", help="API token; default: that of the first project")
        words = "seconds after which it ends, done or not (1800)"
        parser.add_argument("--limit", type=between(1, 86_400), default=1800, help=words)
        parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")

    def reach(self, options: dict[str, Any]) -> tuple[Api, str]:
        """Its REST API and the address of its `/ws/phone`.

        Raises CommandError where it does not answer, or does not take the credentials.
        """
        env = environment.load()
        who = credentials.read(env.data_dir)
        url = options["url"] or f"http://{_here(env.bind)}:{env.http_port}"
        project = options["project"] or env.project_id or (who and who.project_id)
        token = options["token"] or env.api_token or (who and who.api_token)
        if not project or not token:
            raise CommandError("Give --project and --token: this machine knows no credentials.")
        try:
            parts = urllib.parse.urlsplit(url)
            fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fine = False
        if not fine:
            raise CommandError(f"--url must be an http:// or https:// address, not {url!r}.")
        if parts.hostname in _LOOPBACK:
            stay_on_loopback()
        api = Api(url, str(project), token)
        try:
            if "data" not in api.ask("GET", "/api/calls?page_size=1"):
                raise CommandError(f"{url} answered, but not as Callwright does.")
        except Refused as why:
            raise CommandError(f"{url} refuses the project id or the API token: {why}") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            words = getattr(reason, "strerror", None) or reason
            raise CommandError(f"{url} cannot be reached: {words}. Is the instance running?") from None
        return api, url.replace("http", "ws", 1).rstrip("/") + "/ws/phone"

    def progress(self, words: str) -> None:
        """On the error output, so that the result alone stands on the other."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{words}", ending="")
            self.stderr.flush()


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
