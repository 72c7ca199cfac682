"""The first sound of a worker that has just come up: no slower than its second."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from calling.media.sources import tones
from calling.media.worker import warmth
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import script
from tests.e2e.workers import WorkerProcess
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


async def test_every_sound_is_made_before_a_session_is_taken() -> None:
    tones._frames.cache_clear()
    await warmth.make_sounds()
    made = tones._frames.cache_info()
    for name in ("music", "tone", "announcement"):
        for codec in tones.CODECS:
            tones._frames(name, codec)
    assert tones._frames.cache_info().misses == made.misses
