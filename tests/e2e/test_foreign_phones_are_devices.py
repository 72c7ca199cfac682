"""PJSIP and Linphone, stacks that are not ours: each registers, is called, calls, and hangs up either way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.desk import endpoint
from tests.e2e.edges import EdgeProcess
from tests.e2e.foreign import Foreign, Linphone, Pjsip, pjsip_missing
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(1)]

PHONES = [
    pytest.param(
        Pjsip, transport,
        marks=pytest.mark.skipif(pjsip_missing(), reason="needs the wheel pjsua2-python, not installed here"),
        id=f"pjsip-{transport}",
    )
    for transport in ("udp", "tcp")
] + [
    pytest.param(Linphone, transport, marks=pytest.mark.needs("linphonec"), id=f"linphone-{transport}")
    for transport in ("udp", "tcp")
]  # fmt: skip


async def live_call(seconds: float = 15.0) -> str:
    """The id of the one call that is going on, once it is there."""
    end = time.monotonic() + seconds
    while True:
        rows = await callers.in_thread(lambda: list(models.Call.objects.exclude(state="ended")))
        if rows:
            return str(rows[0].pk)
        assert time.monotonic() < end, "no call came"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("kind", "transport"), PHONES)
async def test_a_foreign_phone_registers_is_called_calls_and_hangs_up(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path, kind: type[Foreign], transport: str
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)
    device = await callers.come_online(cast.carol)
    async with kind(tmp_path, edge.port, name, 660.0, transport) as phone:
        await phone.registered()
        (contact,) = await callers.in_thread(
            lambda: [row.contact["uri"] for row in models.Device.objects.filter(kind="sip")]
        )
        assert contact.startswith("sip:"), contact

        # It is called, hears and is heard, and hangs up.
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        await phone.rung()
        phone.answer()
        await callers.hears(alice, 660.0, 25)
        await phone.hears(440.0)
        phone.hang_up()
        ended = await callers.state(call_id, lambda call: call.state == "ended", 20)
        assert (ended.end_reason, ended.ended_by) == ("hangup", "callee")
        await alice.close()

        # It calls, hears and is heard, and is hung up on.
        before = len(phone.said)
        phone.dial("carol")
        row = await live_call()
        carol = Phone(880.0)
        await callers.pick_up(cast.carol, carol, row, device)
        await callers.hears(carol, 660.0, 25)
        await phone.hears(880.0)
        await callers.apply(row, inputs.Hangup((await callers.leg(row, "callee")).id))
        await phone.over(before)
        await carol.close()
