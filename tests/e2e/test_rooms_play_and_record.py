"""What a whole room hears and leaves: a ringing tone and words into it, and a recording of everybody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.test_rooms_are_steered import ROOM, TONES, close, come_in, make_room, post
from tests.e2e.workers import WorkerProcess
from tests.media.test_recordings_hold_what_was_said import samples
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timeout(180)]
RING = (440.0, 480.0)  # of ring:us


def recordings() -> list[models.Recording]:
    return list(models.Recording.objects.all())


async def test_everybody_hears_what_is_played_and_the_recording_holds_everybody(
    cast: Cast, worker: WorkerProcess, tmp_path: Path
) -> None:
    await make_room(cast, record_on_start=True, entry_tone=True)
    phones, calls = await come_in(cast, "alice", "bob")
    await callers.hears(phones["alice"], TONES["bob"])
    await callers.hears(phones["bob"], TONES["alice"])
    started = await post(cast, f"{ROOM}/play", {"url": "ring:60:us"})
    for name, other in (("alice", "bob"), ("bob", "alice")):
        test = lambda name=name, other=other: callers.has(phones[name], *RING, TONES[other])  # noqa: E731
        await callers.until(test, 15, f"{name} hearing the ring and {other}")
    operation = await callers.in_thread(models.Operation.objects.get, control_id=started["control_id"])
    await callers.in_thread(stop, operation)
    for name in ("alice", "bob"):
        await callers.until(lambda name=name: not callers.has(phones[name], *RING), 15, "the ring's end")
    await post(cast, f"{ROOM}/say", {"text": "Welcome to the meeting."})

    leg = await callers.leg(calls["alice"], "caller")
    await callers.apply(calls["alice"], inputs.Hangup(leg.id))
    await callers.until(lambda: phones["bob"].hertz() != TONES["alice"], 10, "alice having left")
    await post(cast, f"{ROOM}/end")
    for _ in range(150):
        found = await callers.in_thread(recordings)
        if found and found[0].state == "finished":
            break
        await callers.pause(0.1)
    assert [row.state for row in found] == ["finished"]
    (path,) = tmp_path.rglob("*.wav")
    mixed = samples(path).sum(axis=0)
    spectrum = np.abs(np.fft.rfft(mixed * np.hanning(len(mixed))))
    step = 48000 / len(mixed)
    for hertz in (TONES["alice"], TONES["bob"], *RING):
        at = round(hertz / step)
        assert spectrum[at - 5 : at + 6].max() > np.median(spectrum) * 50, hertz
    await close(phones)


def stop(operation: models.Operation) -> None:
    from calling.commands import operations

    operations.control_operation(str(operation.call_id), operation.verb, operation.control_id, "stop", {})
