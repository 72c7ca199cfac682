"""`manage.py speech_install`, which is `callwright speech install`: the models of speech for this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calling.speech import install, weights
from config.env import ROOT


class Command(BaseCommand):
    help = "Installs the packages and models of speech by hash, or shows which of them are here."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        which = f"{', '.join(install.EXTRAS)}; default: {' and '.join(install.USUAL)}"
        parser.add_argument("extras", nargs="*", default=[], metavar="EXTRA", help=which)
        parser.add_argument("--check", action="store_true", help="only show what is here")
        parser.add_argument("--from", dest="address", help="URL of a directory with a directory per model")
        parser.add_argument("--json", action="store_true", help="print JSON lines")

    def handle(self, *args: object, **given: object) -> None:
        options: dict[str, Any] = given
        own, wanted = settings.CALLWRIGHT_SPEECH_MODELS, options["extras"] or list(install.USUAL)
        unknown = [extra for extra in wanted if extra not in install.EXTRAS]
        if unknown:
            raise CommandError(f"There is no {unknown[0]!r}; name one of {', '.join(install.EXTRAS)}.")
        self.json = bool(options["json"])
        if not options["check"]:
            for extra in wanted:
                self.add(own, extra, options["address"])
        found = install.survey(own, wanted)
        for each in found:
            self.show(each)
        if not all(each.usable for each in found):
            if options["check"]:
                sys.exit(1)
            raise CommandError("Not everything could be installed; see above.")
        if not options["check"] and not self.json:
            self.stdout.write("Restart `make run`: one speech worker then starts by itself.")

    def add(self, own: Path, extra: str, address: str | None) -> None:
        """What is missing of one extra: the pinned packages, and where pip cannot, the publisher's files."""
        missing = [each for each in install.survey(own, [extra]) if not each.usable]
        if not missing:
            return
        if address is None:
            self.say({"extra": extra, "state": "installing", "lock": install.EXTRAS[extra].lock})
            try:
                install.by_pip(ROOT, extra, quiet=self.json)
            except install.InstallFailed as why:
                self.say({"extra": extra, "state": "failed", "reason": str(why)})
            missing = [each for each in install.survey(own, [extra]) if not each.usable]
        for each in missing:
            if each.place:
                continue  # its weights are here, its engine is not
            known = weights.KNOWN[each.model]
            where = f"{address.rstrip('/')}/{known.name}" if address else known.address
            try:
                install.fetch(each.model, own, where, self.progress(each.model))
            except install.InstallFailed as why:
                self.say({"model": each.model, "state": "failed", "reason": str(why)})

    def progress(self, model: str) -> Callable[[str, int, int], None]:
        last = [""]

        def tell(file: str, size: int, total: int) -> None:
            done = f"{size * 10 // total * 10} %" if total else f"{size >> 20} MB"
            if last[0] != f"{file} {done}":
                last[0] = f"{file} {done}"
                self.say(
                    {"model": model, "state": "downloading", "file": file, "bytes": size, "total": total}
                )

        return tell

    def show(self, found: install.Found) -> None:
        if self.json:
            self.say(found.as_json())
            return
        state = f"in a {found.place}" if found.usable else found.fault
        self.stdout.write(f"{found.model:<9} {found.weights:<16} {found.sha256[:12]}…  {state}")

    def say(self, words: dict[str, Any]) -> None:
        """Progress: to standard error, so that the table stands alone; as JSON, all in one stream."""
        if self.json:
            self.stdout.write(json.dumps(words))
            return
        name = words.get("model") or words.get("extra")
        rest = {key: value for key, value in words.items() if key not in ("model", "extra", "state")}
        self.stderr.write(f"{name}: {words['state']} {' '.join(str(each) for each in rest.values())}")
