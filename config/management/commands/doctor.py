"""`manage.py doctor`: prints what this installation advertises, what answers, and what to do."""

from __future__ import annotations

import json
import sys

from django.core.management.base import BaseCommand, CommandParser

from config.doctor.checks import examine
from config.doctor.findings import Finding

_MARKS = {"good": ("ok  ", "\x1b[32m"), "note": ("note", "\x1b[33m"), "bad": ("FAIL", "\x1b[31m")}


class Command(BaseCommand):
    help = "Looks at engines, processes, names, TLS, media, TURN and SIP of this instance; changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def handle(self, *args: object, **options: object) -> None:
        worst = {"good": 0, "note": 0, "bad": 0}
        colours = self.stdout.isatty() and not options["no_color"]
        for finding in examine():
            worst[finding.level] += 1
            self.stdout.write(json.dumps(finding.as_json()) if options["json"] else _line(finding, colours))
        if not options["json"]:
            self.stdout.write(f"\n{worst['good']} ok, {worst['note']} to note, {worst['bad']} failed")
        if worst["bad"]:
            sys.exit(1)


def _line(finding: Finding, colours: bool) -> str:
    mark, colour = _MARKS[finding.level]
    shown = f"{colour}{mark}\x1b[0m" if colours else mark
    text = f"{shown}  {finding.about:<14} {finding.fact}"
    return f"{text}\n      {'':<14} -> {finding.advice}" if finding.advice else text
