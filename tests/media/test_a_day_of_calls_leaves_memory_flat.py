"""Calls that come and go for a day leave the memory of a media worker's process as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import cycle, islice

import pytest

from bench.media import accounts
from bench.media.targets import Target
from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG
from tests.support.wait import until

LEGS = 20  # at once
ROUTES = ("bridge", "record", "echo", "mix")
ROUNDS = 720
TALK_SECONDS = 0.3
GROWTH = 1.05


async def one_round(server: Target, config: MediaConfig, route: str, talk: float) -> int:
    """LEGS devices come, talk and go. How many tasks the server is left with."""
    devices = [WebRtcPeer(config) for _ in range(LEGS)]
    try:
        await server.connect(devices, Media(receive_audio=True, video=True, receive_video=True))
        await until(lambda: all(each.port.up for each in devices), what="connecting")
        await server.call(route)
        tone = tones.tone()
        for each in devices:
            each.port.set_audio_source(tone)
        await asyncio.sleep(talk)
        ended = await server.call("close")
    finally:
        await asyncio.gather(*(each.close() for each in devices))
    return int(ended["result"])


@pytest.mark.soak_only
@pytest.mark.family
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["ours", "ours-python"])
async def test_memory_is_flat(kind: str, show: Callable[[str], None]) -> None:
    """A call each 12 s of a day, in rounds of ten with 0.3 s of talk. A quarter fills what is kept."""
    server = Target(kind)
    await server.start()
    try:
        memory = []
        for number, route in enumerate(islice(cycle(ROUTES), ROUNDS), 1):
            left = await one_round(server, CONFIG, route, TALK_SECONDS)
            assert left == 1, "a task is left"
            if number % (ROUNDS // 4) == 0:
                await server.call("settle")
                memory.append(accounts.memory_kb(server.pid))
        show(f"{kind}: {ROUNDS * LEGS // 2} calls, kB after each quarter: {memory}")
        assert memory[-1] <= GROWTH * memory[0], memory
    finally:
        await server.stop()
