"""Desk phones through `manage.py sip` and a real media worker: they register, are rung, call, hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from calling import models
from calling.machine import inputs
from calling.sip.stack.events import Answered, Confirmed, Digit, Finished, Progress, SessionFailed
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(3)]


@pytest.fixture
def bob_desk(cast: Cast, edge: EdgeProcess) -> Desk:
    return Desk(edge.port, endpoint(cast.bob), "secret", 660.0)


async def test_a_desk_phone_rings_with_the_browser_and_talks(
    cast: Cast, bob_desk: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with bob_desk as desk:
        assert await desk.register() == 200
        await callers.come_online(cast.bob)
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        ringing = await desk.rung()
        assert len((await callers.leg(call_id, "callee")).attempts) == 2
        await desk.answer(ringing)
        await notice(ringing, Confirmed)
        await callers.hears(alice, 660.0)
        await desk.hears(440.0)
        callee = await callers.leg(call_id, "callee")
        assert {a.kind: a.state.value for a in callee.attempts} == {
            "sip": "accepted",
            "phone": "answered_elsewhere",
        }
        code, answer = await ringing.reinvite(desk.sound.sdp("sendonly"))
        assert code == 200 and answer is not None and "a=recvonly" in answer
        await callers.state(call_id, lambda call: call.legs[-1].held)
        code, _ = await ringing.reinvite(desk.sound.sdp())
        assert code == 200
        await callers.state(call_id, lambda call: not call.legs[-1].held)
        await desk.hears(440.0)
        await callers.apply(call_id, inputs.Hangup((await callers.leg(call_id, "caller")).id))
        assert (await notice(ringing, Finished)).by == "remote"
        await alice.close()


async def test_a_desk_phone_calls_a_browser_and_hangs_up(
    cast: Cast, bob_desk: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    alice = Phone(440.0)
    device = await callers.come_online(cast.alice)
    async with bob_desk as desk:
        assert await desk.register() == 200
        call = desk.dial("alice")
        assert (await notice(call, Progress)).code == 180
        row = await callers.in_thread(models.Call.objects.get)
        await callers.pick_up(cast.alice, alice, str(row.id), device)
        desk.sound.agree((await notice(call, Answered)).sdp)
        await callers.hears(alice, 660.0)
        await desk.hears(440.0)
        await call.hangup()
        ended = await callers.state(str(row.id), lambda call: call.state == "ended")
        assert (ended.end_reason, ended.ended_by) == ("hangup", "caller")
    await alice.close()


@pytest.mark.parametrize("nat", [True, False])
async def test_a_phone_behind_a_nat_is_heard_and_hears_where_its_endpoint_says_so(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, nat: bool
) -> None:
    """Its descriptions name an address that nobody can reach, for the call it gets and the one it makes."""
    username = await callers.in_thread(endpoint, cast.bob, nat)
    async with Desk(edge.port, username, "secret", 660.0) as desk:
        desk.sound.host = "192.0.2.2"
        assert await desk.register() == 200
        alice, device = Phone(440.0), await callers.come_online(cast.alice)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        ringing = await desk.rung()
        await desk.answer(ringing)
        await notice(ringing, Confirmed)
        if not nat:
            await callers.pause(1.5)
            callee = await callers.leg(call_id, "callee")
            assert callee.media_state == "connecting" and not alice.hears(660.0)
            assert desk.sound.loudest() is None
            await alice.close()
            return
        await callers.hears(alice, 660.0)
        await desk.hears(440.0)
        await callers.state(call_id, lambda call: call.legs[-1].media_state == "connected")
        await callers.apply(call_id, inputs.Hangup((await callers.leg(call_id, "caller")).id))
        await notice(ringing, Finished)
        await alice.close()
        desk.sound.remote, alice = None, Phone(440.0)
        call = desk.dial("alice")
        await notice(call, Progress)
        row = await callers.in_thread(models.Call.objects.order_by("-created_at").first)
        await callers.pick_up(cast.alice, alice, str(row.id), device)
        desk.sound.agree((await notice(call, Answered)).sdp)
        await callers.hears(alice, 660.0)
        await desk.hears(440.0)
        await call.hangup()
        await alice.close()


async def test_digits_reach_a_phone_without_telephone_event_by_info(
    cast: Cast, bob_desk: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    """For the call it gets, and for the one it makes; its Allow names INFO."""
    async with bob_desk as desk:
        desk.sound.events = False
        assert await desk.register() == 200
        alice, device = Phone(440.0), await callers.come_online(cast.alice)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        ringing = await desk.rung()
        await desk.answer(ringing)
        await callers.hears(alice, 660.0)
        caller = await callers.leg(call_id, "caller")
        await callers.apply(call_id, inputs.SendDigits(caller.id, "1w#"))
        assert [(await notice(ringing, Digit)).digit for _ in range(2)] == ["1", "#"]
        await callers.apply(call_id, inputs.Hangup(caller.id))
        await notice(ringing, Finished)
        await alice.close()
        alice = Phone(440.0)
        call = desk.dial("alice")
        await notice(call, Progress)
        row = await callers.in_thread(models.Call.objects.order_by("-created_at").first)
        await callers.pick_up(cast.alice, alice, str(row.id), device)
        desk.sound.agree((await notice(call, Answered)).sdp)
        await callers.hears(alice, 660.0)
        callee = await callers.leg(str(row.id), "callee")
        await callers.apply(str(row.id), inputs.SendDigits(callee.id, "D"))
        assert (await notice(call, Digit)).digit == "D"
        await call.hangup()
        await alice.close()


async def test_refusals_have_their_status(
    cast: Cast, bob_desk: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with bob_desk as desk:
        assert (await notice(desk.dial("nobody"), SessionFailed)).code == 404
        assert (await notice(desk.dial("+15551234567"), SessionFailed)).code == 403
        call = desk.dial("busy")
        assert (await notice(call, SessionFailed)).code == 486
        stranger = Desk(edge.port, desk.username, "wrong", 500.0)
        async with stranger:
            assert await stranger.register() == 401


async def test_a_busy_desk_phone_makes_the_call_busy_and_a_cancelled_one_stops_ringing(
    cast: Cast, bob_desk: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with bob_desk as desk:
        assert await desk.register() == 200
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        await (await desk.rung()).reject(486)
        ended = await callers.state(call_id, lambda call: call.state == "ended")
        assert ended.end_reason == "busy"
        await alice.close()
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        ringing = await desk.rung()
        await callers.apply(call_id, inputs.Hangup((await callers.leg(call_id, "caller")).id))
        assert (await notice(ringing, Finished)).why == "cancel"
        assert await desk.register(0) == 200
        rows = await callers.in_thread(
            lambda: list(models.Device.objects.filter(kind="sip", online_until__isnull=False))
        )
        assert rows == []
        await alice.close()
    assert edge.stop() < 10.0  # docs/contract.md#commands


async def test_a_killed_edge_leaves_its_goodbye_to_the_next(
    cast: Cast, bob_desk: Desk, edge: EdgeProcess, worker: WorkerProcess,
    child_environment: dict[str, str], tmp_path: Path,
) -> None:  # fmt: skip
    async with bob_desk as desk:
        assert await desk.register() == 200
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        ringing = await desk.rung()
        await desk.answer(ringing)
        await notice(ringing, Confirmed)
        await desk.hears(440.0)
        edge.process.kill()
        second = EdgeProcess(child_environment, tmp_path)
        try:
            second.wait_until_ready()
            assert (await notice(ringing, Finished, 20)).by == "remote"
            await callers.state(call_id, lambda call: call.state == "ended", 20)
        finally:
            second.stop()
        await alice.close()
