"""`manage.py loadtest`: real calls with real sound against a running instance, and a table of how it went."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from django.core.management.base import CommandParser

import clock
from bench.load import Load, LoadTest, summary, table
from bench.management.instance_command import InstanceCommand, between
from bench.softphone import Missing


class Command(InstanceCommand):
    help = (
        "Places calls between software phones, dials some over REST, fills rooms, checks what is heard and "
        "that the event log has no gap. Leaves subscribers named load-* behind."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--calls", type=between(0, 100_000), default=30, help="calls in all (30)")
        parser.add_argument("--at-once", type=between(1, 1000), default=5, help="calls at a time (5)")
        parser.add_argument("--talk", type=between(0, 600), default=1, help="seconds each call lasts (1)")
        parser.add_argument("--rooms", type=between(0, 1000), default=1, help="rooms to fill (1)")
        parser.add_argument("--members", type=between(2, 100), default=4, help="members of each room (4)")

    def handle(self, *args: object, **options: Any) -> None:
        api, socket_url = self.reach(options)
        load = Load(
            options["calls"], options["at_once"], options["talk"], options["rooms"], options["members"]
        )
        test = LoadTest(api, socket_url, load, self.progress)
        begun = clock.monotonic()
        try:
            asyncio.run(asyncio.wait_for(test.run(), options["limit"]))
        except TimeoutError:
            test.tallies["device to device"].note(Missing(f"the end within {options['limit']} s"))
        self.progress("")
        seconds = clock.monotonic() - begun
        self.stdout.write(json.dumps(summary(test, seconds)) if options["json"] else table(test, seconds))
        if any(tally.problems for _, tally in test.rows()):
            sys.exit(1)
