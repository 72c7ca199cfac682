"""Two calls of one party become one, each with media of its own, whichever workers carry them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from calling import models
from calling.commands.transfers import join_calls
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast, Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(1)]


async def workers_of(*calls: str) -> set[str]:
    found = models.Call.objects.filter(pk__in=calls).values_list("session__worker_id", flat=True)
    return {str(each) async for each in found}


async def call(caller: Person, phone: Phone, hertz: float, cast: Cast, his: Phone) -> tuple[str, str]:
    """A call to bob, who has answered with that phone and hears the caller; its id and that of his leg."""
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(caller, phone, "/private/bob", await callers.come_online(caller))
    await callers.pick_up(cast.bob, his, call_id, device)
    await callers.hears(his, hertz, 20)
    return call_id, (await callers.leg(call_id, "callee")).id


async def test_on_one_worker_the_far_end_notices_nothing(cast: Cast, worker: WorkerProcess) -> None:
    alice, carol, first, second = Phone(440.0), Phone(880.0), Phone(660.0), Phone(660.0)
    one, his = await call(cast.alice, alice, 440.0, cast, first)
    two, other = await call(cast.carol, carol, 880.0, cast, second)
    hers = await callers.leg(two, "caller")
    began = time.monotonic()
    await callers.in_thread(join_calls, one, his, two, other)
    await callers.hears(alice, 880.0, 20)
    await callers.hears(carol, 440.0, 20)
    print(f"\nheard {time.monotonic() - began:.2f} s after the calls were joined", end=" ")
    moved = await callers.leg(one, "target")
    assert (moved.offer, moved.answer, moved.serial) == (hers.offer, hers.answer, hers.serial)
    await callers.apply(one, inputs.Hold(moved.id))
    await callers.apply(one, inputs.Resume(moved.id))
    await callers.pause(6)  # longer than a peer may be on its way
    await callers.hears(alice, 880.0, 20)
    await callers.hears(carol, 440.0, 20)
    for phone in (alice, carol, first, second):
        await phone.close()


async def test_on_two_workers_the_party_that_moves_is_asked_for_an_offer(
    cast: Cast, start_worker: Callable[..., WorkerProcess]
) -> None:
    await callers.in_thread(start_worker, CALLWRIGHT_MEDIA_LEGS="2")
    alice, carol, first, second = Phone(440.0), Phone(880.0), Phone(660.0), Phone(660.0)
    one, his = await call(cast.alice, alice, 440.0, cast, first)
    await callers.in_thread(start_worker, CALLWRIGHT_MEDIA_LEGS="4")
    two, other = await call(cast.carol, carol, 880.0, cast, second)
    assert len(await workers_of(one, two)) == 2
    await callers.in_thread(join_calls, one, his, two, other)
    await callers.state(one, lambda call: call.legs[-1].offer is None and call.legs[-1].answer is None)
    again = Phone(880.0)
    moved = await callers.leg(one, "target")
    await callers.apply(one, inputs.Reoffer(moved.id, await again.offer()))
    await callers.take_answer(one, again, "target")
    await callers.hears(alice, 880.0, 20)
    await callers.hears(again, 440.0, 20)
    for phone in (alice, carol, first, second, again):
        await phone.close()
