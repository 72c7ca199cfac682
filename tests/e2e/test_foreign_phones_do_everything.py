"""PJSIP and Linphone in the middle of a call: hold, keys, transfers of both kinds (baresip has its own file).

Each is a row, each test a column; what a program cannot do stands in docs/sip.md#tested-with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.desk import endpoint
from tests.e2e.edges import EdgeProcess
from tests.e2e.foreign import Foreign, Linphone, Pjsip, pjsip_missing
from tests.e2e.test_desk_phones_of_baresip import pressed, silent_of
from tests.e2e.test_foreign_phones_are_devices import live_call
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.soak_only,
    pytest.mark.family,
]

SETTLED_SECONDS = 2.0  # PJSIP narrows its codecs by an UPDATE first, and both lose a key pressed meanwhile
ROWS = [
    pytest.param(
        Pjsip,
        marks=pytest.mark.skipif(pjsip_missing(), reason="needs the wheel pjsua2-python, not installed here"),
        id="pjsip",
    ),
    pytest.param(Linphone, marks=pytest.mark.needs("linphonec"), id="linphone"),
]
every = pytest.mark.parametrize("kind", ROWS)


@asynccontextmanager
async def talking(
    cast: Cast, edge: EdgeProcess, directory: Path, kind: type[Foreign], alice: Phone
) -> AsyncIterator[tuple[Foreign, str]]:
    """alice has called the phone of bob, and they hear each other: (phone, call id)."""
    name = await callers.in_thread(endpoint, cast.bob)
    async with kind(directory, edge.port, name, 660.0, "udp") as phone:
        await phone.registered()
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        await phone.rung()
        phone.answer()
        await callers.hears(alice, 660.0, 25)
        await phone.hears(440.0)
        await callers.pause(SETTLED_SECONDS)
        yield phone, call_id
    await alice.close()


@every
async def test_it_holds_and_resumes_and_is_held(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path, kind: type[Foreign]
) -> None:
    alice = Phone(440.0)
    async with talking(cast, edge, tmp_path, kind, alice) as (phone, call_id):
        own = (await callers.leg(call_id, "caller")).id
        phone.hold()
        await callers.state(call_id, lambda call: call.held_by(own) == "remote", 20)
        await silent_of(alice, 660.0)
        await callers.pause(SETTLED_SECONDS)
        phone.resume()
        await callers.state(call_id, lambda call: call.held_by(own) is None, 20)
        await callers.hears(alice, 660.0, 25)
        await phone.hears(440.0)
        await callers.apply(call_id, inputs.Hold(own))
        await silent_of(alice, 660.0)
        await callers.apply(call_id, inputs.Resume(own))
        await callers.hears(alice, 660.0, 25)
        await phone.hears(440.0)
        await callers.apply(call_id, inputs.Hangup(own))
        await phone.over()


@every
async def test_keys_go_both_ways(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path, kind: type[Foreign]
) -> None:
    alice = Phone(440.0)
    async with talking(cast, edge, tmp_path, kind, alice) as (phone, call_id):
        phone.press("7")
        await pressed(call_id, "7")
        own = (await callers.leg(call_id, "caller")).id
        await callers.apply(call_id, inputs.SendDigits(own, "4"))
        await phone.pressed("4")
        await callers.hears(alice, 660.0, 25)


@every
async def test_it_transfers_blindly(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path, kind: type[Foreign]
) -> None:
    alice, carol = Phone(440.0), Phone(880.0)
    async with talking(cast, edge, tmp_path, kind, alice) as (phone, call_id):
        device = await callers.come_online(cast.carol)
        phone.transfer("carol")
        await callers.pick_up(cast.carol, carol, call_id, device, "target")
        await callers.hears(alice, 880.0, 25)
        await callers.hears(carol, 440.0, 25)
        await phone.over()
        call = await callers.snapshot(call_id)
        assert next(leg for leg in call.legs if leg.role.value == "callee").end_reason == "transferred"
        await callers.apply(call_id, inputs.Hangup())
    await carol.close()


@every
async def test_it_transfers_after_a_consultation(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path, kind: type[Foreign]
) -> None:
    alice, carol = Phone(440.0), Phone(880.0)
    async with talking(cast, edge, tmp_path, kind, alice) as (phone, call_id):
        own = (await callers.leg(call_id, "caller")).id
        phone.hold()
        await callers.state(call_id, lambda call: call.held_by(own) == "remote", 20)
        device = await callers.come_online(cast.carol)
        phone.dial("carol")
        consulting = await live_call(but=call_id)
        await callers.pick_up(cast.carol, carol, consulting, device)
        await callers.hears(carol, 660.0, 25)
        await phone.hears(880.0)
        phone.join()
        await callers.hears(alice, 880.0, 25)
        await callers.hears(carol, 440.0, 25)
        await callers.state(consulting, lambda call: call.state == "ended", 20)
        call = await callers.snapshot(call_id)
        assert len(call.live_legs) == 2
        await callers.apply(call_id, inputs.Hangup())
    await carol.close()
