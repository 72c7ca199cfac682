"""`record` of a leg: what it says, what it hears, or both, as `direction` has it; by default what it says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from calling import models
from tests.e2e import callers
from tests.e2e.test_supervisors_are_heard_by_whom_they_should import finish, level, rest
from tests.e2e.test_who_hears_whom import ALICE, BOB, Scene
from tests.e2e.workers import WorkerProcess
from tests.media.test_recordings_hold_what_was_said import samples
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timeout(240)]

HEARD = {None: {BOB}, "speak": {BOB}, "listen": {ALICE}, "both": {ALICE, BOB}}


async def test_a_leg_is_recorded_in_the_direction_that_was_asked_for(
    cast: Cast, worker: WorkerProcess, tmp_path: Path
) -> None:
    scene = Scene(cast)
    await scene.talk()
    place = f"/api/calls/{scene.call_id}/record"
    for direction in HEARD:
        await rest(
            cast, "post", place, 200,
            leg="callee", format="wav", control_id=f"to-{direction}", direction=direction,
        )  # fmt: skip
    await callers.pause(3)
    for direction in HEARD:
        await rest(cast, "post", f"{place}/to-{direction}/stop", 200)
    until = time.monotonic() + 20
    while await callers.in_thread(models.Recording.objects.filter(state="finished").count) < len(HEARD):
        assert time.monotonic() < until
        await callers.pause(0.1)
    found = {}
    for row in await callers.in_thread(list, models.Recording.objects.all()):
        wave = samples(tmp_path / "recordings" / row.path).sum(axis=0)[-48000:] * 32768
        found[row.control_id] = {hertz for hertz in (ALICE, BOB) if level(wave, 48000, hertz) > -40}
    assert found == {f"to-{direction}": heard for direction, heard in HEARD.items()}
    await finish(scene)
