"""`manage.py rehearse`: callers of a scenario against a running instance, and how they were served."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

import clock
from bench.management.instance_command import InstanceCommand, between
from bench.rehearsal.report import Finding, Played, summary, table
from bench.rehearsal.run import Recognise, Rehearsal
from bench.rehearsal.scenario import BadScenario, parse
from calling.media.tts import tts
from calling.speech import installed
from calling.speech.recogniser import Recognisers


class Command(InstanceCommand):
    help = (
        "Callers that speak, interrupt, stay silent and mumble, as a scenario says; reports turn latency, "
        "dead air, talk-over, barge-in, words and digits. Leaves subscribers named rehearse-* behind."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("scenario", type=Path, help="a YAML file")
        parser.add_argument("--calls", type=between(1, 10_000), default=1, help="calls in all (1)")
        parser.add_argument("--at-once", type=between(1, 100), default=2, help="calls at a time (2)")

    def handle(self, *args: object, **given: object) -> None:
        options: dict[str, Any] = given
        try:
            scenario = parse(options["scenario"].read_text())
        except OSError as error:
            raise CommandError(f"{options['scenario']}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{options['scenario']} is not text in UTF-8.") from None
        except BadScenario as why:
            raise CommandError(f"{options['scenario']}: {why}") from None
        api, socket_url = self.reach(options)
        test = Rehearsal(api, socket_url, scenario, synthesise, recogniser(), self.progress)
        begun = clock.monotonic()
        try:
            asyncio.run(asyncio.wait_for(test.run(options["calls"], options["at_once"]), options["limit"]))
        except tts.SpeechUnavailable as why:
            raise CommandError(f"Callers cannot speak: {why}") from None
        except TimeoutError:
            late = Finding("failed", f"not done within {options['limit']} s")
            test.played.append(Played(findings=[late]))
        self.progress("")
        found = summary(scenario, test.played, clock.monotonic() - begun)
        self.stdout.write(json.dumps(found) if options["json"] else table(found))
        if found["clean"] < found["calls"]:
            sys.exit(1)


async def synthesise(words: str, voice: str) -> bytes:
    return await tts.provider.synthesise(words, language=voice, voice="", gender="male")


def recogniser() -> Recognise | None:
    """The quickest that is installed here."""
    own = settings.CALLWRIGHT_SPEECH_MODELS
    models = installed.recognisers(own)
    if not models:
        return None
    made = Recognisers(own).get(models[-1])
    return lambda pcm: made.recognise(np.ascontiguousarray(pcm), "en", ()).text
