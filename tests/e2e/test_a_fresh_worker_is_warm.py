"""The first sound of a worker that has just come up: no slower than its second."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from calling.commands import dial as place_call
from calling.commands.routing import DialRequest
from calling.media.sources import tones
from calling.media.worker import warmth
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import script
from tests.e2e.workers import WorkerProcess
from tests.media.files.made import media
from tests.media.files.test_media_are_fetched_once import server
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timing,
    pytest.mark.sample(1),
]

MOST = 1.5


async def first_sound(cast: Cast, to: str) -> float:
    """Seconds from the connection to the first 40 ms that are not silent."""
    phone = Phone(400.0)
    await callers.dial(cast.alice, phone, to)
    return await connected_to_sound(phone)


async def answered_to_sound(cast: Cast, call_id: str, device: str) -> float:
    phone = Phone(400.0)
    await callers.pick_up(cast.bob, phone, call_id, device)
    return await connected_to_sound(phone)


async def connected_to_sound(phone: Phone) -> float:
    try:
        await callers.until(lambda: phone.pc.connectionState == "connected", 8, "the connection")
        began = time.monotonic()

        def heard() -> bool:
            loud = [each for each in phone.sound if np.sqrt(np.mean(each.astype(np.float64) ** 2)) > 100]
            return len(loud) >= 2

        await callers.until(heard, 15, "a sound")
        return time.monotonic() - began
    finally:
        await phone.close()


@pytest.mark.parametrize(
    ("what", "source"), [("ring", "ring:de"), ("speech", "say:Good morning to everybody")]
)
async def test_the_first_sound_comes_soon(
    cast: Cast, start_worker: Callable[..., WorkerProcess], what: str, source: str
) -> None:
    await script(cast, what, {"play": source}, {"play": "silence:5"})
    await callers.in_thread(start_worker)
    seconds = await first_sound(cast, f"/public/{what}")
    print(f"first {what}: {seconds:.2f} s")
    assert seconds <= MOST


@pytest.mark.soak_only
async def test_a_film_is_ready_when_the_party_that_rang_answers(
    cast: Cast, start_worker: Callable[..., WorkerProcess]
) -> None:
    """Twenty seconds of film, which take longer to decode than the first sound may."""
    await callers.in_thread(start_worker)
    device = await callers.come_online(cast.bob)
    async with server({"/film.mp4": media("mp4", 20.0, hertz=700.0)}) as (url, asked):
        script = {"version": "1.0.0", "sections": {"main": [{"play": f"{url}/film.mp4"}]}}
        request = DialRequest(to="/private/bob", from_="/private/alice", script=script)
        call = await callers.in_thread(place_call.place, cast.key, request)
        await callers.until(lambda: asked, 8, "the film fetched while it rings")
        await callers.pause(5)
        seconds = await answered_to_sound(cast, str(call.id), device)
    print(f"first film: {seconds:.2f} s")
    assert seconds <= MOST


async def test_every_sound_is_made_before_a_session_is_taken() -> None:
    tones._frames.cache_clear()
    await warmth.make_sounds()
    made = tones._frames.cache_info()
    for name in ("music", "tone", "announcement"):
        for codec in tones.CODECS:
            tones._frames(name, codec)
    assert tones._frames.cache_info().misses == made.misses
