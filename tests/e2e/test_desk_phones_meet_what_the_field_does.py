"""What phones and trunks do that ours never did, through the edge and a real worker: each ends as told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from calling import models
from calling.sip.stack.events import Answered, Confirmed, Finished, Progress, ReferProgress, SessionFailed
from subscribers.models import Address, PhoneNumber, SipGateway
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.sip.user_agent import refer
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(2)]

HERE = ["UDP", "127.0.0.1", 9, ""]
ANSWERS = [
    (404, "failed", 404), (480, "no-answer", 480), (486, "busy", 486), (488, "failed", 488),
    (500, "failed", 500), (503, "failed", 503), (600, "busy", 486), (603, "rejected", 603),
    (407, "failed", 502),
]  # fmt: skip


async def ended(call_id: str) -> tuple[str | None, str | None]:
    call = await callers.state(call_id, lambda call: call.state == "ended", 20)
    return call.end_reason, call.end_cause


def newest() -> str:
    return str(models.Call.objects.latest("created_at").pk)


async def test_what_the_called_phone_answers_is_what_the_caller_gets(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    names = [await callers.in_thread(endpoint, each) for each in (cast.alice, cast.bob)]
    async with Desk(edge.port, names[0], "secret", 440.0) as alice, \
            Desk(edge.port, names[1], "secret", 660.0) as bob:  # fmt: skip
        assert await bob.register() == 200
        for code, reason, shown in ANSWERS:
            call = alice.dial("bob")
            await (await bob.rung(20)).reject(code)
            assert (await notice(call, SessionFailed, 20)).code == shown
            found, cause = await ended(await callers.in_thread(newest))
            assert (found, cause) == (reason, "normal" if reason in ("busy", "rejected") else f"sip_{code}")


async def test_a_caller_is_told_at_once_that_nobody_is_there_and_a_browser_waits(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    name = await callers.in_thread(endpoint, cast.alice)
    async with Desk(edge.port, name, "secret", 440.0) as alice:
        assert (await notice(alice.dial("bob"), SessionFailed, 8)).code == 480
        assert await ended(await callers.in_thread(newest)) == ("no-answer", "no_device")
        phone = Phone(440.0)
        call_id = await callers.dial(cast.carol, phone, "/private/bob")
        await callers.state(call_id, lambda call: call.state == "ringing")
        device = await callers.come_online(cast.bob)
        other = Phone(880.0)
        await callers.pick_up(cast.bob, other, call_id, device)
        await callers.hears(phone, 880.0, 20)
        await other.close()
        await phone.close()


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("urn:uuid:00000000-0000-1000-8000-000b82566bbb", HERE),
        ("tel:+15551234567", HERE),
        ("sip:", HERE),
        ("sip:bob@127.0.0.1:9", ["UDP"]),  # whatever fails at our own side ends it too
    ],
)
async def test_a_place_that_cannot_be_called_ends_its_attempt_and_the_last_one_the_call(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, uri: str, hop: list[object]
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)

    def bind() -> None:
        models.Device.objects.create(
            project=cast.project, subscriber_id=cast.bob.subscriber.id, kind="sip",
            online_until=timezone.now() + timedelta(hours=1),
            contact={"endpoint": "00000000-0000-0000-0000-000000000000", "uri": uri, "hop": hop},
        )  # fmt: skip

    await callers.in_thread(bind)
    phone = Phone(440.0)
    call_id = await callers.dial(cast.alice, phone, "/private/bob")
    assert await ended(call_id) == ("failed", "unreachable")
    await phone.close()
    async with Desk(edge.port, name, "secret", 660.0) as desk:
        assert await desk.register() == 200
        phone = Phone(440.0)
        call_id = await callers.dial(cast.alice, phone, "/private/bob")
        ringing = await desk.rung(20)

        both = {("ringing", None), ("rejected", "unreachable")}
        async with asyncio.timeout(10):
            while {
                (a.state.value, a.reason) for a in (await callers.leg(call_id, "callee")).attempts
            } != both:
                await asyncio.sleep(0.05)
        await desk.answer(ringing)
        await callers.hears(phone, 660.0, 20)
        await ringing.hangup()
        await phone.close()


async def test_a_phone_that_transfers_is_told_how_it_went_before_it_is_let_go(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    names = [await callers.in_thread(endpoint, each) for each in (cast.bob, cast.carol)]
    async with Desk(edge.port, names[0], "secret", 660.0) as bob, \
            Desk(edge.port, names[1], "secret", 880.0) as carol:  # fmt: skip
        assert await bob.register() == 200 and await carol.register() == 200
        alice = Phone(440.0)
        await callers.dial(cast.alice, alice, "/private/bob")
        ringing = await bob.rung(20)
        await bob.answer(ringing)
        await notice(ringing, Confirmed, 20)
        for code in (486, 480, 603, 500):
            assert await refer(ringing, f"sip:carol@127.0.0.1:{edge.port}") == 202
            assert (await notice(ringing, ReferProgress, 20)).code == 100
            await (await carol.rung(20)).reject(code)
            assert (await notice(ringing, ReferProgress, 20)).code == code
        assert await refer(ringing, f"sip:carol@127.0.0.1:{edge.port}") == 202
        assert (await notice(ringing, ReferProgress, 20)).code == 100
        target = await carol.rung(20)
        await carol.answer(target)
        assert (await notice(ringing, ReferProgress, 20)).code == 200
        assert (await notice(ringing, Finished, 20)).by == "remote"
        await callers.hears(alice, 880.0, 20)
        await target.hangup()
        await alice.close()


async def test_a_trusted_trunk_says_who_calls_and_who_sent_the_call_on(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    def prepare(trusted: bool) -> None:
        SipGateway.objects.update_or_create(
            project=cast.project, name="trunk", host="127.0.0.1",
            defaults={"ip_addresses": ["127.0.0.1"], "trust_identity": trusted},
        )  # fmt: skip
        address = Address.objects.get(resource_id=cast.bob.subscriber.id)
        PhoneNumber.objects.get_or_create(
            project=cast.project, number="+46855512345", defaults={"address": address}
        )

    extra = [
        ("P-Asserted-Identity", '"Al" <tel:+46-70-174-06-05>'),
        ("Diversion", "<sip:+4681@h;user=phone>"),
    ]
    device = await callers.come_online(cast.bob)
    async with Desk(edge.port, "pilot", "-", 660.0) as trunk:
        for trusted in (True, False):
            await callers.in_thread(prepare, trusted)
            call = trunk.agent.invite(
                f"sip:+46-8-555-123-45;npdi@127.0.0.1:{edge.port};user=phone", trunk.sound.sdp(),
                from_='"Pilot" <sip:+46-850-00;cpc=ordinary@trunk>', headers=extra,
            )  # fmt: skip
            await notice(call, Progress, 20)
            call_id = await callers.in_thread(newest)
            said = await callers.in_thread(lambda: cast.rest.get(f"/api/calls/{newest()}").json())
            wanted = ("+46701740605", "+4681") if trusted else ("+4685000", None)
            assert (said["from"], said["diverted_from"]) == wanted
            phone = Phone(440.0)
            await callers.pick_up(cast.bob, phone, call_id, device)
            trunk.sound.agree((await notice(call, Answered, 20)).sdp)
            await callers.hears(phone, 660.0, 20)
            await call.hangup()
            await ended(call_id)
            await phone.close()


async def test_a_transfer_before_the_answer_is_refused_and_the_call_goes_on(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    names = [await callers.in_thread(endpoint, each) for each in (cast.alice, cast.bob)]
    async with Desk(edge.port, names[0], "secret", 440.0) as alice, \
            Desk(edge.port, names[1], "secret", 660.0) as bob:  # fmt: skip
        assert await bob.register() == 200
        call = alice.dial("bob")
        ringing = await bob.rung(20)
        await notice(call, Progress, 10)
        assert await refer(call, "sip:carol@127.0.0.1") == 480
        assert await refer(ringing, "sip:carol@127.0.0.1") == 403
        await bob.answer(ringing)
        alice.sound.agree((await notice(call, Answered, 10)).sdp)
        await alice.hears(660.0)
        await call.hangup()
