"""baresip, a stack that is not ours, as a desk phone: it is called, calls, holds, presses keys, transfers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.baresip import Baresip
from tests.e2e.desk import endpoint
from tests.e2e.edges import EdgeProcess
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast
from tests.support.wait import until

pytestmark = [
    pytest.mark.sample(1),
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.needs("baresip"),
]


async def silent_of(phone: Phone, hertz: float) -> None:
    await until(lambda: not phone.hears(hertz), what=f"not hearing {hertz} Hz")


async def pressed(call_id: str, digit: str) -> None:
    """Until that key of the far end has been told."""
    end = time.monotonic() + 15
    while True:
        told = await callers.in_thread(
            lambda: [e.data for e in models.Event.objects.filter(call_id=call_id, type="call.dtmf")]
        )
        if any(each["digit"] == digit and each["source"] == "media" for each in told):
            return
        assert time.monotonic() < end, told
        await asyncio.sleep(0.1)


async def test_baresip_is_called_holds_is_held_presses_keys_and_transfers(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)
    alice = Phone(440.0)
    async with Baresip(tmp_path, edge.port, name, 660.0) as desk:
        await desk.registered()
        contact = await callers.in_thread(lambda: models.Device.objects.get(kind="sip").contact)
        assert contact["uri"].startswith("sip:") and contact["flow"].startswith("<urn:uuid:")
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        rung = await desk.event("CALL_INCOMING")
        assert rung["peeruri"].startswith("sip:alice@")
        await desk.say("accept")
        await desk.hears(440.0)
        await callers.hears(alice, 660.0, 25)

        own = (await callers.leg(call_id, "caller")).id
        await callers.apply(call_id, inputs.Hold(own))
        await desk.hears_not(440.0)
        await callers.apply(call_id, inputs.Resume(own))
        await desk.hears(440.0)

        await desk.say("sndcode", "7")
        await callers.apply(call_id, inputs.SendDigits(own, "4"))
        assert (await desk.event("CALL_DTMF_START"))["param"] == "4"
        await pressed(call_id, "7")

        await desk.say("hold")
        await callers.state(call_id, lambda call: call.held_by(call.legs[0].id) == "remote")
        await silent_of(alice, 660.0)
        await desk.say("resume")
        await callers.state(call_id, lambda call: call.held_by(call.legs[0].id) is None)
        await callers.hears(alice, 660.0, 25)
        await desk.receives()  # its dump ends with a re-INVITE

        device = await callers.come_online(cast.carol)
        carol = Phone(880.0)
        await desk.say("transfer", f"sip:carol@127.0.0.1:{edge.port}")
        await callers.pick_up(cast.carol, carol, call_id, device, "target")
        await callers.hears(alice, 880.0, 25)
        await callers.hears(carol, 440.0, 25)
        await desk.event("CALL_CLOSED")
        call = await callers.snapshot(call_id)
        assert next(leg for leg in call.legs if leg.role.value == "callee").end_reason == "transferred"
        await callers.apply(call_id, inputs.Hangup(own))
        await carol.close()
    await alice.close()


async def test_baresip_calls_a_browser_over_each_transport_and_is_hung_up_on(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)
    device = await callers.come_online(cast.alice)
    for transport in ("udp", "tcp"):
        alice = Phone(440.0)
        directory = tmp_path / transport
        directory.mkdir()
        async with Baresip(directory, edge.port, name, 660.0, transport=transport) as desk:
            await desk.registered()
            await desk.dial("alice")
            await desk.event("CALL_RINGING")
            row = await callers.in_thread(lambda: models.Call.objects.exclude(state="ended").get())
            await callers.pick_up(cast.alice, alice, str(row.id), device)
            await desk.event("CALL_ESTABLISHED")
            await callers.hears(alice, 660.0, 25)
            await desk.hears(440.0)
            await callers.apply(row.id, inputs.Hangup((await callers.leg(str(row.id), "callee")).id))
            await desk.event("CALL_CLOSED")
            await callers.state(str(row.id), lambda call: call.state == "ended")
        await alice.close()
