"""kamailio as a trunk that is down, one that is silent, and the proxy of the next: numbers out and in."""

from __future__ import annotations

from pathlib import Path

import pytest

from calling import models
from calling.machine import inputs
from calling.sip.stack.events import Answered, Confirmed, Finished, Progress
from subscribers.models import Address, PhoneNumber, SipGateway
from tests.e2e import callers
from tests.e2e.desk import Desk, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.sip.kamailio import Kamailio
from tests.support.people import Cast, subscriber
from tokens.subjects import Entry

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.needs("kamailio"),
]


def gateway(cast: Cast, port: int, priority: int, **more: object) -> SipGateway:
    row = SipGateway(
        project=cast.project, name=f"trunk {priority}", host="127.0.0.1", port=port, priority=priority,
        prefixes=["+1"], caller_id="+15550001111", **more,
    )  # fmt: skip
    row.set_password("line-secret")
    row.save()
    return row


async def test_a_number_is_reached_past_dead_trunks_and_reaches_us_through_the_proxy(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path
) -> None:
    async with Desk(edge.port, "far", "-", 660.0) as far, \
            Kamailio(tmp_path, inside=far.port, outside=edge.port) as proxy:  # fmt: skip
        for priority, port in enumerate((proxy.down, proxy.silent, proxy.port)):
            addresses = ["127.0.0.1"] if port == proxy.port else []
            await callers.in_thread(gateway, cast, port, priority, ip_addresses=addresses)
        dave = await callers.in_thread(subscriber, cast.project, "dave", None, (Entry("prefix", "+1"),))
        phone = Phone(440.0)
        call_id = await callers.dial(dave, phone, "+15551234567")
        ringing = await far.rung(40)
        assert ("x-seen", "kamailio") in ringing.headers
        far.sound.agree(ringing.offer)
        await ringing.ring(sdp=far.sound.sdp())
        await callers.hears(phone, 660.0, 20)  # early media, before anybody answered
        assert (await callers.snapshot(call_id)).state == "ringing"
        assert await ringing.answer(far.sound.sdp())
        await notice(ringing, Confirmed, 20)
        await far.hears(440.0, 20)
        await callers.apply(call_id, inputs.Hangup((await callers.leg(call_id, "caller")).id))
        assert ("x-seen", "kamailio") in (await notice(ringing, Finished, 20)).headers

        call_id = await callers.dial(dave, phone2 := Phone(440.0), "+15551234567")
        await (await far.rung(40)).reject(486, headers=[("X-Why", "because"), ("Reason", "Q.850;cause=17")])
        ended = await callers.state(call_id, lambda call: call.state == "ended", 20)
        assert (ended.end_reason, ended.end_cause, ended.sip_code) == ("busy", "sip_486", 486)
        assert ("x-why", "because") in ended.sip_headers
        event = await callers.in_thread(models.Event.objects.get, call_id=call_id, type="call.ended")
        assert event.data["sip_code"] == 486 and event.data["sip_headers"]["x-why"] == "because"
        await phone.close()
        await phone2.close()

        def number() -> None:
            address = Address.objects.get(resource_id=cast.bob.subscriber.id)
            PhoneNumber.objects.create(project=cast.project, number="+15557654321", address=address)

        await callers.in_thread(number)
        device = await callers.come_online(cast.bob)
        call = far.agent.invite(f"sip:+15557654321@127.0.0.1:{proxy.port}", far.sound.sdp(),
                                from_="<sip:+15551230000@far.test>")  # fmt: skip
        assert (await notice(call, Progress, 20)).code == 180
        row = await callers.in_thread(lambda: models.Call.objects.exclude(state="ended").get())
        assert row.from_address == "+15551230000" and row.out_headers["x-seen"] == "kamailio"
        bob = Phone(440.0)
        await callers.pick_up(cast.bob, bob, str(row.id), device)
        far.sound.agree((await notice(call, Answered, 20)).sdp)
        await callers.hears(bob, 660.0, 20)
        await far.hears(440.0, 20)
        await callers.apply(row.id, inputs.Hangup())
        ended = await notice(call, Finished, 20)
        assert ended.by == "remote" and ("x-seen", "kamailio") in ended.headers
        await bob.close()
