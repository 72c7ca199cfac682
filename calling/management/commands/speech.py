"""`manage.py speech`: one speech worker, which hears what media workers of this host send, and recordings."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from calling.media.codecs.sent_away import PacketHearer
from calling.media.recording import transcription
from calling.runtime import garbage
from calling.runtime.priority import step_back
from calling.speech.server import SpeechServer


class Command(BaseCommand):
    help = "Serve one speech worker on its unix socket, until told to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--number", type=int, default=1, help="which of the speech workers this is")

    def handle(self, *args: object, **options: object) -> None:
        garbage.keep_all()
        step_back(os.getpid())
        number = options["number"]
        socket = settings.CALLWRIGHT_SPEECH_SOCKETS / f"{number}.sock"
        asyncio.run(run(socket, settings.CALLWRIGHT_SPEECH_MODELS))
        os._exit(0)  # a recognition that goes on would be waited for, to no use


async def run(socket: Path, models: Path) -> None:
    """Until SIGTERM or SIGINT."""
    server = SpeechServer(models, hearer=PacketHearer)
    serving = asyncio.ensure_future(asyncio.gather(server.serve(socket), transcription.serve(server)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
