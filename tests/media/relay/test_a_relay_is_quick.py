"""How quick a relay is, beside a real speech worker and a real program: as the worker sends and hears.

Prints its figures (`pytest -s`). The bars are loose: they hold on a loaded machine, too.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import serve

from calling.media.operations.relay.relay import Relay
from calling.speech import installed
from tests.media.relay.stage import Bot, Party, row_of, session_of
from tests.speech import sounds
from tests.support.wait import until

NOWHERE = Path("/nonexistent")  # no directory of models
pytestmark = [
    pytest.mark.soak_only,
    pytest.mark.needs("espeak-ng"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not installed.recognisers(NOWHERE), reason="needs the packages of requirements-speech.lock"
    ),
]
TRIALS = 32
SAID = ("Good morning, how can I help you today?", "Of course, let me look that up for you.")
LONG = (
    "I can tell you quite a lot about our rooms and prices and opening hours without ever taking a breath. "
)


@pytest.fixture
async def talk(
    tmp_path: Path, settings: Any, child_environment: dict[str, str]
) -> AsyncIterator[tuple[Party, Bot]]:
    settings.CALLWRIGHT_SPEECH_WORKERS, settings.CALLWRIGHT_SPEECH_SOCKETS = 1, tmp_path / "speech"
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True
    environment = {
        **child_environment,
        "CALLWRIGHT_DATA_DIR": str(tmp_path),
        "CALLWRIGHT_SPEECH_WORKERS": "1",
    }
    worker = await asyncio.create_subprocess_exec(sys.executable, "manage.py", "speech", env=environment)
    await until((tmp_path / "speech" / "1.sock").exists, 90, "the speech worker")
    party, program = Party(), Bot()
    living = asyncio.create_task(party.live())
    model = installed.QUICK if installed.QUICK in installed.recognisers(NOWHERE) else installed.ACCURATE
    async with serve(program.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        row = row_of(f"ws://127.0.0.1:{port}/", model)
        relay = Relay(row, session_of(party))
        relay.begin()
        await until(lambda: bool(program.of("setup")) and bool(party._ears), 120, "the relay")
        yield party, program
        assert relay.task is not None
        relay.task.cancel()
        await asyncio.gather(relay.task, return_exceptions=True)
    living.cancel()
    worker.kill()
    await asyncio.wait_for(worker.wait(), 5)


def told(name: str, seconds: list[float]) -> tuple[float, float]:
    """(median, p95) in ms, printed."""
    found = sorted(each * 1000 for each in seconds)
    middle, high = statistics.median(found), found[round(0.95 * (len(found) - 1))]
    load = round(os.getloadavg()[0])
    print(f"\n{name}: median {middle:.0f}, p95 {high:.0f}, most {found[-1]:.0f} ms, n={len(found)}, {load=}")
    return middle, high


async def test_the_first_sound_comes_soon_after_the_first_token(talk: tuple[Party, Bot]) -> None:
    party, program = talk
    took = []
    for number in range(TRIALS):
        await asyncio.sleep(1.2)
        asked = time.monotonic()
        await program.say(type="text", token=SAID[number % 2], last=True)
        await until(lambda asked=asked: party.loud_at > asked, 20, "a sound")  # type: ignore[misc]
        took.append(party.loud_at - asked)
        await until(lambda: time.monotonic() - party.loud_at > 0.7, 20, "silence")
    assert told("first token -> first sound", took)[0] < 2000


async def test_a_voice_silences_the_platform_and_its_words_are_told(talk: tuple[Party, Bot]) -> None:
    party, program = talk
    voice = sounds.words("Excuse me, I would like to ask something else.", "en-us", 160)
    silenced, told_after = [], []
    for number in range(TRIALS):
        await program.say(type="text", token=LONG * 3, last=True)
        await until(lambda: time.monotonic() - party.loud_at < 0.1, 20, "a sound")
        await asyncio.sleep(1 + number % 7 * 0.13)
        party.say(voice)
        await until(lambda: len(program.of("interrupt")) > len(silenced), 20, "an interrupt")
        await asyncio.sleep(0.3)
        until_silent = party.loud_at - party.said_at[0]
        assert program.of("interrupt")[-1][1]["utteranceUntilInterrupt"]
        await until(lambda: len(program.of("prompt")) > len(told_after), 60, "a prompt")
        silenced.append(until_silent)
        told_after.append(program.of("prompt")[-1][0] - party.said_at[-1])
        await asyncio.sleep(0.5)
    assert told("speech start -> platform silent", silenced)[0] < 1000
    assert told("last word -> prompt with last", told_after)[0] < 8000
    print([each[1]["voicePrompt"] for each in program.of("prompt")][:4])
