"""Real phones through a real worker: who hears whom after each step, by frequency, and for how long nobody.

A gap is the longest stretch without sound in what a phone received from the step on until it heard what it
should: by the clock of the sound itself (RTP timestamps), not by when this process came to read it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from calling.commands import transfers
from calling.commands.routing import DialRequest
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast, Person

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timeout(240),
    pytest.mark.sample(2),
]

ALICE, BOB, CAROL = 400.0, 600.0, 850.0
LOUD = 200.0
MOST_MS = 300.0


class Ear(Phone):
    """A phone that remembers when, on its sound's own clock, it heard something."""

    def __init__(self, hertz: float) -> None:
        super().__init__(hertz)
        self.loud: list[tuple[float, float]] = []  # from, to in seconds
        self.clock = 0.0  # where its sound is now, silent or not

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if not isinstance(frame, av.AudioFrame):
                    continue
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(np.float64)
                self.sound.append(samples)
                self.rate = frame.sample_rate
                self.heard_at = callers.time.monotonic()
                begins = float((frame.pts or 0) * frame.time_base)
                self.clock = begins + len(samples) / frame.sample_rate
                if np.sqrt(np.mean(samples**2)) >= LOUD:
                    self.loud.append((begins, self.clock))

    def mark(self) -> int:
        return max(0, len(self.loud) - 1)

    def gap_ms(self, mark: int) -> float:
        """The longest silence since `mark`, between sound and sound."""
        heard = self.loud[mark:]
        pairs = itertools.pairwise(heard)
        return 1000 * max((after[0] - before[1] for before, after in pairs), default=0.0)

    def silent_ms_from(self, clock: float) -> float:
        """How long after that moment it heard something again."""
        return 1000 * max(0.0, next(begins for begins, ends in self.loud if ends > clock) - clock)


class Scene:
    """A call of alice's, and the figures that it gives."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.phones: list[Ear] = []
        self.devices: dict[str, str] = {}
        self.gaps: list[tuple[str, float]] = []
        self.call_id = ""

    def phone(self, hertz: float) -> Ear:
        self.phones.append(Ear(hertz))
        return self.phones[-1]

    async def device(self, person: Person) -> str:
        if person.name not in self.devices:
            self.devices[person.name] = await callers.come_online(person)
        return self.devices[person.name]

    async def talk(self) -> tuple[Ear, Ear]:
        """Alice dials bob; both hear each other."""
        alice, bob = self.phone(ALICE), self.phone(BOB)
        device = await self.device(self.cast.bob)
        own = await self.device(self.cast.alice)
        self.call_id = await callers.dial(self.cast.alice, alice, "/private/bob", own)
        await callers.pick_up(self.cast.bob, bob, self.call_id, device)
        await callers.hears(alice, BOB)
        await callers.hears(bob, ALICE)
        return alice, bob

    async def do(self, kind: Any, role: str, *more: Any) -> None:
        leg = await callers.leg(self.call_id, role)
        await callers.apply(self.call_id, kind(leg.id, *more))

    async def gap(self, what: str, who: Ear, step: Awaitable[Any], then: Callable[[], bool]) -> None:
        """Take a step, wait for what `who` should hear then, and keep how long it heard nothing."""
        mark = who.mark()
        await step
        await callers.until(then, 10, f"{what} (it hears {who.hertz()})")
        self.gaps.append((what, who.gap_ms(mark)))

    async def consult(self) -> str:
        leg = await callers.leg(self.call_id, "caller")
        request = DialRequest(to="/private/carol", device_id=self.devices["alice"])
        alice = self.cast.alice.holder
        row = await callers.in_thread(transfers.consult, alice, self.call_id, leg.id, request)
        return str(row.id)

    async def carol_picks_up(self, call_id: str, role: str) -> Ear:
        carol = self.phone(CAROL)
        await callers.pick_up(self.cast.carol, carol, call_id, self.devices["carol"], role)
        return carol

    async def end(self) -> None:
        await callers.apply(self.call_id, inputs.Hangup())
        for phone in self.phones:
            await phone.close()
        for what, gap in self.gaps:
            print(f"{what}: {gap:.0f} ms")
        late = [(what, round(gap)) for what, gap in self.gaps if gap > MOST_MS]
        assert not late, f"longer than {MOST_MS:g} ms: {late}"


def music(phone: Ear, *not_these: float) -> Callable[[], bool]:
    """Something is heard, and it is none of the parties."""

    def test() -> bool:
        heard = phone.hertz()
        return heard is not None and all(abs(heard - each) > 15 for each in not_these)

    return test


def silent(phone: Ear) -> Callable[[], bool]:
    return lambda: phone.hertz() is None


@pytest.fixture
async def scene(cast: Cast, worker: WorkerProcess) -> Scene:
    return Scene(cast)


async def test_hold_resume_and_mute(scene: Scene) -> None:
    alice, bob = await scene.talk()
    await scene.gap("hold", bob, scene.do(inputs.Hold, "caller"), music(bob, ALICE))
    await callers.until(silent(alice), 5, "the holder's silence")
    await scene.do(inputs.Hold, "callee")
    await callers.until(music(alice, BOB), 5, "music for both holders")
    assert music(bob, ALICE)()
    await scene.gap("one of two resumes", alice, scene.do(inputs.Resume, "caller"), music(alice, BOB))
    await callers.until(silent(bob), 5, "silence for who still holds")
    await scene.gap("resume", alice, scene.do(inputs.Resume, "callee"), lambda: alice.hears(BOB))
    await callers.hears(bob, ALICE)
    await scene.do(inputs.Mute, "caller", frozenset({"audio"}))
    await callers.until(silent(bob), 5, "the mute")
    assert alice.hears(BOB)
    await scene.do(inputs.Unmute, "caller", frozenset({"audio"}))
    await callers.hears(bob, ALICE)
    await scene.end()


async def test_blind_transfers_failing_chained_and_without_their_transferor(scene: Scene) -> None:
    alice, bob = await scene.talk()
    await scene.device(scene.cast.carol)
    leg = await callers.leg(scene.call_id, "caller")
    failing = callers.transfer(scene.cast.alice, scene.call_id, leg.id, "/public/busy")
    await scene.gap("transfer that fails", bob, failing, lambda: bob.hears(ALICE))
    await callers.hears(alice, BOB)
    going = callers.transfer(scene.cast.alice, scene.call_id, leg.id, "/private/carol")
    await scene.gap("transfer, ringback", bob, going, music(bob, ALICE, CAROL))
    carol = await scene.carol_picks_up(scene.call_id, "target")
    await callers.until(lambda: carol.pc.connectionState == "connected", 10, "carol's media")
    clock = bob.clock
    await callers.hears(carol, BOB)
    await callers.hears(bob, CAROL)
    scene.gaps.append(("transfer, the target's media up", bob.silent_ms_from(clock)))
    assert not (await callers.leg(scene.call_id, "caller")).live
    own = await callers.leg(scene.call_id, "callee")
    chain = callers.transfer(scene.cast.bob, scene.call_id, own.id, "/public/echo")
    await scene.gap("chained transfer", carol, chain, lambda: carol.hears(CAROL))
    await callers.state(scene.call_id, lambda call: not call.legs[1].live)
    await scene.end()


async def test_a_consultation_cancelled_and_completed(scene: Scene) -> None:
    alice, bob = await scene.talk()
    await scene.device(scene.cast.carol)
    second = await scene.consult()
    carol = await scene.carol_picks_up(second, "callee")
    await callers.hears(carol, ALICE)
    await callers.hears(alice, CAROL)
    await callers.until(music(bob, ALICE, CAROL), 5, "music for who waits")
    cancel = scene.do(inputs.CancelTransfer, "caller")
    await scene.gap("consult cancelled", alice, cancel, lambda: alice.hears(BOB))
    await callers.hears(bob, ALICE)
    second = await scene.consult()
    carol = await scene.carol_picks_up(second, "callee")
    await callers.hears(carol, ALICE)
    complete = scene.do(inputs.CompleteTransfer, "caller")
    await scene.gap("consult completed", bob, complete, lambda: bob.hears(CAROL))
    await callers.hears(carol, BOB)
    await scene.end()


async def test_a_consultation_completed_while_its_target_rings(scene: Scene) -> None:
    _, bob = await scene.talk()
    await scene.device(scene.cast.carol)
    second = await scene.consult()
    await callers.state(second, lambda call: call.state == "ringing")
    await scene.do(inputs.CompleteTransfer, "caller")
    await callers.until(music(bob, ALICE, CAROL), 5, "ringback")
    carol = await scene.carol_picks_up(scene.call_id, "target")
    await callers.hears(bob, CAROL)
    await callers.hears(carol, BOB)
    await scene.end()
