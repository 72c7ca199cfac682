"""Supervisors on real phones: who hears them, by frequency and level, and what of them a recording holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.test_who_hears_whom import ALICE, BOB, CAROL, Ear, Scene
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.media.test_recordings_hold_what_was_said import samples
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timeout(240),
    pytest.mark.sample(1),
]

SUPERVISOR = 1100.0
SILENT_DB = -60.0


def level(wave: NDArray[Any], rate: float, hertz: float) -> float:
    """How loud that tone is in dB, 0 for a full-scale sine; -120 at least."""
    window = np.hanning(len(wave))
    spectrum = 2 * np.abs(np.fft.rfft(wave * window)) / window.sum() / 32768
    at = round(hertz * len(wave) / rate)
    return float(20 * np.log10(max(1e-6, spectrum[max(0, at - 3) : at + 4].max())))


def heard_level(phone: Phone, hertz: float) -> float:
    """The level of a tone in the last second that a phone heard."""
    return level(np.concatenate(list(phone.sound)[-50:]), phone.rate, hertz)


async def new_sound(phone: Phone, seconds: float = 1.5) -> None:
    """Wait until all that the phone remembers was heard after now."""
    phone.sound.clear()
    await callers.until(lambda: len(phone.sound) >= seconds * 50, 30, "new sound")


async def rest(cast: Cast, verb: str, path: str, status: int, **fields: Any) -> dict[str, Any]:
    answer = await callers.in_thread(getattr(cast.rest, verb), path, fields)
    assert answer.status_code == status, answer.content
    found: dict[str, Any] = answer.json()
    return found


async def supervise(cast: Cast, call_id: str, phone: Phone, **fields: Any) -> dict[str, Any]:
    """`phone` becomes a supervisor of the call; its leg."""
    leg = await rest(cast, "post", f"/api/calls/{call_id}/listen", 201, sdp=await phone.offer(), **fields)
    until = time.monotonic() + 10
    while leg["answer"] is None:
        assert time.monotonic() < until, leg
        await callers.pause(0.1)
        leg = await rest(cast, "get", f"/api/calls/{call_id}/legs/{leg['id']}", 200)
    await phone.take(leg["answer"])
    return leg


async def mode(cast: Cast, call_id: str, own: dict[str, Any], **fields: Any) -> None:
    await rest(cast, "patch", f"/api/calls/{call_id}/legs/{own['id']}", 200, **fields)


@pytest.fixture
async def scene(cast: Cast, worker: WorkerProcess) -> Scene:
    return Scene(cast)


async def test_listening_whispering_and_barging(scene: Scene) -> None:
    alice, bob = await scene.talk()
    lead = scene.phone(SUPERVISOR)
    leg = await supervise(scene.cast, scene.call_id, lead, leg="callee")
    await callers.until(lambda: callers.has(lead, ALICE, BOB), 15, "the supervisor hearing both")
    for phone in (alice, bob):
        await new_sound(phone)
        assert heard_level(phone, SUPERVISOR) <= SILENT_DB

    await mode(scene.cast, scene.call_id, leg, mode="whisper")
    await callers.until(lambda: callers.has(bob, ALICE, SUPERVISOR), 15, "bob hearing alice and the whisper")
    await callers.until(lambda: callers.has(lead, ALICE, BOB), 15, "the supervisor hearing both")
    await new_sound(alice)
    whispered = heard_level(alice, SUPERVISOR)
    print(
        f"a whisper at the other party: {whispered:.0f} dB, the party itself {heard_level(alice, BOB):.0f} dB"
    )
    assert whispered <= SILENT_DB
    assert alice.hears(BOB)

    await mode(scene.cast, scene.call_id, leg, mode="barge")
    await callers.until(
        lambda: callers.has(alice, BOB, SUPERVISOR), 15, "alice hearing bob and the supervisor"
    )
    await callers.until(
        lambda: callers.has(bob, ALICE, SUPERVISOR), 15, "bob hearing alice and the supervisor"
    )

    await mode(scene.cast, scene.call_id, leg, mode="listen")
    await callers.until(lambda: not callers.has(alice, SUPERVISOR), 15, "the end of barging")
    await callers.hears(alice, BOB)
    await callers.hears(bob, ALICE)
    await rest(scene.cast, "post", f"/api/calls/{scene.call_id}/hangup", 200, leg=leg["id"])
    await callers.until(lambda: lead.hertz() is None, 15, "silence for who left")
    await callers.hears(alice, BOB)
    await callers.hears(bob, ALICE)
    await finish(scene)


async def finish(scene: Scene) -> None:
    await callers.apply(scene.call_id, inputs.Hangup())
    for phone in scene.phones:
        await phone.close()


async def test_holding_muting_and_transferring_under_supervision(scene: Scene) -> None:
    alice, bob = await scene.talk()
    lead: Ear = scene.phone(SUPERVISOR)
    leg = await supervise(scene.cast, scene.call_id, lead)
    await callers.until(lambda: callers.has(lead, ALICE, BOB), 15, "the supervisor hearing both")
    await scene.do(inputs.Mute, "caller", frozenset({"audio"}))
    await callers.until(
        lambda: lead.hears(BOB) and not callers.has(lead, ALICE), 15, "a muted party's silence"
    )
    await scene.do(inputs.Unmute, "caller", frozenset({"audio"}))
    await callers.until(lambda: callers.has(lead, ALICE, BOB), 15, "both again")
    await scene.do(inputs.Hold, "callee")
    await callers.until(lambda: lead.hears(ALICE) and not callers.has(lead, BOB), 15, "a holder's silence")
    await mode(scene.cast, scene.call_id, leg, mode="whisper", leg="callee")
    await callers.until(lambda: bob.hears(SUPERVISOR), 15, "whispering to who holds")
    await callers.until(lambda: callers.has(lead, BOB), 15, "the answer to the whisper")
    assert not callers.has(alice, SUPERVISOR)
    await scene.do(inputs.Resume, "callee")

    await scene.device(scene.cast.carol)
    bobs = await callers.leg(scene.call_id, "callee")
    await callers.transfer(scene.cast.bob, scene.call_id, bobs.id, "/private/carol")
    carol = await scene.carol_picks_up(scene.call_id, "target")
    await callers.hears(carol, ALICE)
    await callers.until(lambda: callers.has(lead, ALICE, CAROL), 15, "the supervisor hearing the new party")
    await new_sound(carol)
    assert heard_level(carol, SUPERVISOR) <= SILENT_DB
    own = leg["supervising_call_id"]
    await callers.apply(scene.call_id, inputs.Hangup())
    await callers.state(own, lambda call: not call.live)
    await finish(scene)


async def test_a_recording_holds_a_barge_and_no_whisper(scene: Scene, tmp_path: Path) -> None:
    await scene.talk()
    lead = scene.phone(SUPERVISOR)
    leg = await supervise(scene.cast, scene.call_id, lead, mode="whisper", leg="callee")
    await callers.until(lambda: callers.has(scene.phones[1], SUPERVISOR), 15, "the whisper")
    place = f"/api/calls/{scene.call_id}/record"
    started = await rest(scene.cast, "post", place, 200, format="wav")
    await callers.pause(3)
    await mode(scene.cast, scene.call_id, leg, mode="barge")
    await callers.until(lambda: callers.has(scene.phones[0], SUPERVISOR), 15, "barging")
    await callers.pause(3)
    await mode(scene.cast, scene.call_id, leg, mode="whisper")
    await callers.until(lambda: not callers.has(scene.phones[0], SUPERVISOR), 15, "the end of barging")
    await callers.pause(3)
    await rest(scene.cast, "post", f"{place}/{started['control_id']}/stop", 200)
    until = time.monotonic() + 20
    while not await callers.in_thread(models.Recording.objects.filter(state="finished").exists):
        assert time.monotonic() < until
        await callers.pause(0.1)
    (path,) = tmp_path.rglob("*.wav")
    mixed = samples(path).sum(axis=0) * 32768
    steps = [level(mixed[at : at + 24000], 48000, SUPERVISOR) for at in range(0, len(mixed) - 24000, 24000)]
    print("the supervisor in each half second:", [round(each) for each in steps])
    loud = [at for at, each in enumerate(steps) if each > -30]
    assert len(loud) >= 4
    assert loud == list(range(loud[0], loud[-1] + 1))
    before, after = steps[: loud[0] - 1], steps[loud[-1] + 2 :]
    assert len(before) >= 3 and len(after) >= 3
    assert max(before + after) <= -40  # where sound begins, a little of every tone is heard
    assert level(mixed[:48000], 48000, BOB) > -30
    await finish(scene)
