"""Telephone numbers through gateways: out by priority with the next one after a failure, in by address."""

from __future__ import annotations

import pytest

from calling import models
from calling.machine import inputs
from calling.sip.stack.events import Answered, Confirmed, Finished, Progress, SessionFailed
from subscribers.models import Address, PhoneNumber, SipGateway
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast, make_mallory, subscriber
from tokens.subjects import Entry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(1)]


def gateway(cast: Cast, port: int, priority: int) -> SipGateway:
    return SipGateway.objects.create(
        project=cast.project, name=f"trunk {priority}", host="127.0.0.1", port=port, priority=priority,
        prefixes=["+1"], ip_addresses=["127.0.0.1"], caller_id="+15550001111",
    )  # fmt: skip


async def test_numbers_go_out_over_the_next_gateway_and_come_in_to_their_address(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with Desk(edge.port, "one", "-", 500.0) as broken, Desk(edge.port, "two", "-", 660.0) as trunk:
        shown = {"project": cast.project, "number": "+15550001111"}  # only own numbers are shown outside
        await callers.in_thread(lambda: PhoneNumber.objects.create(**shown))
        await callers.in_thread(gateway, cast, broken.port, 1)
        await callers.in_thread(gateway, cast, trunk.port, 2)
        dave = await callers.in_thread(subscriber, cast.project, "dave", None, (Entry("prefix", "+1"),))
        phone = Phone(440.0)
        call_id = await callers.dial(dave, phone, "+15551234567")
        await (await broken.rung()).reject(503)
        far = await trunk.rung()
        assert str(far.request.uri).startswith("sip:+15551234567@")
        assert "+15550001111" in far.request.headers["From"]
        await trunk.answer(far)
        await notice(far, Confirmed)
        await callers.hears(phone, 660.0)
        await trunk.hears(440.0)
        await far.hangup()
        ended = await callers.state(call_id, lambda call: call.state == "ended")
        assert (ended.end_reason, ended.ended_by) == ("hangup", "callee")
        await phone.close()

        def number() -> None:
            address = Address.objects.get(resource_id=cast.bob.subscriber.id)
            PhoneNumber.objects.create(project=cast.project, number="+15557654321", address=address)

        await callers.in_thread(number)
        device = await callers.come_online(cast.bob)
        assert (await notice(trunk.dial("+15559999999"), SessionFailed)).code == 401  # perhaps a phone's
        call = trunk.dial("+15557654321")
        assert (await notice(call, Progress, 10)).code == 180
        row = await callers.in_thread(lambda: models.Call.objects.exclude(state="ended").get())
        assert row.from_address == "sip:two@127.0.0.1"
        phone = Phone(440.0)
        await callers.pick_up(cast.bob, phone, str(row.id), device)
        trunk.sound.agree((await notice(call, Answered)).sdp)
        await callers.hears(phone, 660.0)
        await trunk.hears(440.0)
        await callers.apply(row.id, inputs.Hangup())
        assert (await notice(call, Finished)).by == "remote"
        await phone.close()


async def test_another_projects_gateway_takes_no_call_of_a_phone(cast: Cast, edge: EdgeProcess) -> None:
    def lay() -> str:
        evil = make_mallory()
        SipGateway.objects.create(
            project=evil.project, name="x", host="192.0.2.1", ip_addresses=["0.0.0.0/0", "::/0"]
        )
        address = Address.objects.get(resource_id=evil.mallory.subscriber.id)
        PhoneNumber.objects.create(project=evil.project, number="+46701234567", address=address)
        return endpoint(cast.alice)

    name = await callers.in_thread(lay)
    async with Desk(edge.port, name, "secret", 440.0) as phone:
        for user in ("bob", "101", "46701234567", "+46701234567"):
            unknown = phone.agent.invite(
                f"sip:{user}@127.0.0.1:{edge.port}", phone.sound.sdp(), from_=phone.address
            )
            assert (await notice(unknown, SessionFailed)).code == 401, user
        assert (await notice(phone.dial("nobody"), SessionFailed)).code == 404  # with its own rights
        assert (await notice(phone.dial("+46701234567"), SessionFailed)).code == 403
        rows = await callers.in_thread(lambda: list(models.Call.objects.values_list("project_id", flat=True)))
        assert set(rows) <= {cast.project.id}
