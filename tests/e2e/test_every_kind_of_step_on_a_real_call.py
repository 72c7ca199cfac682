"""Steps of scripts that no other test here has on a real call: taps, lists of destinations, ringback,
conferences, hang-ups before the answer, documents that come in another way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from calling import models
from calling.machine import inputs
from calling.webhooks import publish
from subscribers import provisioning
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import ended, media, recordings, run_of, script, web
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(3)]
TOLD = "http://127.0.0.1:9/told"


@asynccontextmanager
async def listeners() -> AsyncIterator[tuple[str, list[list[dict[str, Any]]]]]:
    """A place for media streams; what each of them was sent."""
    heard: list[list[dict[str, Any]]] = []

    async def keep(socket: ServerConnection) -> None:
        heard.append(mine := [])
        async for text in socket:
            mine.append(json.loads(text))

    async with serve(keep, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/", heard


def told(url: str) -> list[dict[str, Any]]:
    publish.publish_round()
    rows = models.Delivery.objects.filter(endpoint__url=url).order_by("event_id")
    return [json.loads(row.body) for row in rows]


async def test_a_tap_a_stream_and_a_recording_begin_and_stop(cast: Cast, worker: WorkerProcess) -> None:
    async with listeners() as (url, heard), web({"/end": b"{}"}) as (base, asked):
        said = ("tap_result", "stream_result", "record_call_result", "record_call_url")
        body = {name: f"%{{{name}}}" for name in said}
        await script(
            cast,
            "ears",
            {"tap": {"uri": url, "control_id": "t", "status_url": TOLD}},
            {"stream": {"url": url, "control_id": "s", "bidirectional": False}},
            {"record_call": {"control_id": "r"}},
            {"sleep": 1000},
            {"stop_tap": "t"},
            "stop_stream",
            {"stop_record_call": {}},
            {"request": {"url": f"{base}/end", "body": body}},
            {"sleep": -1},
        )
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/public/ears")
        async with asyncio.timeout(20):
            while not asked:
                await asyncio.sleep(0.1)
        results = json.loads(asked[0][1])
        assert {results[name] for name in said[:3]} == {"success"}
        (tape,) = await recordings(call_id)
        assert tape.state == "finished" and str(tape.id) in results["record_call_url"]
        assert len(heard) == 2
        for stream in heard:
            assert [each["event"] for each in stream[:2]] == ["connected", "start"]
            assert stream[-1]["event"] == "stop" and len(stream) > 30
        states = [each["params"]["state"] for each in await callers.in_thread(told, TOLD)]
        assert states == ["tapping", "finished"]
        await callers.apply(call_id, inputs.Hangup())
        await alice.close()


async def test_destinations_are_rung_in_turn_while_ringback_is_heard(
    cast: Cast, worker: WorkerProcess
) -> None:
    async with web({"/ring.wav": media("wav", 20.0, hertz=1100), "/end": b"{}"}) as (base, asked):
        connect = {
            "serial_parallel": [["/public/busy"], ["/private/bob", "/private/carol"]],
            "timeout": 20,
            "ringback": f"{base}/ring.wav",
            "call_state_url": TOLD,
            "call_state_events": ["answered", "ended"],
            "status_url": TOLD + "/bridge",
            "result": {"case": {"connected": [{"request": {"url": f"{base}/end"}}]}},
        }
        await script(cast, "team", {"connect": connect}, "hangup")
        alice, carol = Phone(440.0), Phone(660.0)
        call_id = await callers.dial(cast.alice, alice, "/public/team")
        device = await callers.come_online(cast.carol)
        await callers.hears(alice, 1100.0, 15)
        ringing = lambda call: sum(leg.state == "ringing" for leg in call.legs) == 2  # noqa: E731
        targets = [leg for leg in (await callers.state(call_id, ringing)).legs if leg.role.value == "target"]
        carols = next(leg for leg in targets if leg.address == "/private/carol")
        offer = await carol.offer()
        await callers.apply(call_id, inputs.Answer(carols.id, device, offer, peer_id=str(models.ids.uuid7())))
        await callers.state(call_id, lambda call: (leg := call.leg(carols.id)) is not None and leg.answer)
        answer = (await callers.snapshot(call_id)).leg(carols.id)
        assert answer is not None and answer.answer is not None
        await carol.take(answer.answer)
        await callers.hears(alice, 660.0)
        await callers.hears(carol, 440.0)
        bobs = next(leg for leg in (await callers.snapshot(call_id)).legs if leg.address == "/private/bob")
        assert bobs.end_reason is not None
        await callers.apply(call_id, inputs.Hangup(carols.id))
        assert (await ended(call_id)).ended_by == "platform"
        assert [path for path, _ in asked if path == "/end"]
        states = [
            (each["params"]["device"]["params"]["to_number"], each["params"]["call_state"])
            for each in await callers.in_thread(told, TOLD)
        ]
        assert states[0] == ("/public/busy", "ended")
        assert [state for to, state in states if to == "/private/carol"] == ["answered", "ended"]
        assert ("/private/bob", "ended") in states
        bridges = [
            each["params"]["connect_state"] for each in await callers.in_thread(told, TOLD + "/bridge")
        ]
        assert sorted(bridges) == ["connected", "disconnected", "failed", "failed"]
        await alice.close()
        await carol.close()


async def test_a_destination_that_cannot_be_shown_the_number_keeps_nobody_else_from_ringing(
    cast: Cast, worker: WorkerProcess
) -> None:
    connect = {"from": "+15550009999", "parallel": ["sip:desk@pbx.example.com", "/private/bob"]}
    await script(cast, "shown", {"connect": connect}, "hangup")
    alice, bob = Phone(440.0), Phone(660.0)
    call_id = await callers.dial(cast.alice, alice, "/public/shown")
    device = await callers.come_online(cast.bob)
    await callers.pick_up(cast.bob, bob, call_id, device, "target")
    await callers.hears(alice, 660.0)
    await callers.apply(call_id, inputs.Hangup())
    await alice.close()
    await bob.close()


@pytest.mark.parametrize(("reason", "ends"), [("busy", "busy"), ("decline", "rejected")])
async def test_a_call_that_is_not_answered_is_declined_for_the_reason_given(
    reason: str, ends: str, cast: Cast, worker: WorkerProcess
) -> None:
    await script(cast, "away", {"play": {"url": "silence:0.2", "auto_answer": False}}, {"hangup": reason})
    alice = Phone(300.0)
    call_id = await callers.dial(cast.alice, alice, "/public/away")
    call = await ended(call_id)
    assert (call.end_reason, call.answered_at) == (ends, None)
    await alice.close()


async def test_who_joins_a_conference_muted_hears_and_is_not_heard(cast: Cast, worker: WorkerProcess) -> None:
    room = {"name": "standup", "display_name": "Standup"}
    await callers.in_thread(provisioning.create_room, cast.project.id, room)
    async with web({"/end": b"{}"}) as (base, asked):
        joining = {"join_conference": {"name": "standup", "muted": True}}
        said = {"request": {"url": f"{base}/end", "body": {"result": "%{join_result}"}}}
        await script(cast, "quiet", joining, said, "hangup")
        alice, bob = Phone(440.0), Phone(660.0)
        first = await callers.dial(cast.bob, bob, "/public/standup")
        second = await callers.dial(cast.alice, alice, "/public/quiet")
        await callers.hears(alice, 660.0, 15)
        assert not bob.hears(440.0)
        seat = await callers.leg(second, "target")
        await callers.apply(second, inputs.Hangup(seat.id))
        await ended(second)
        assert json.loads(asked[-1][1]) == {"result": "left"}
        await callers.apply(first, inputs.Hangup())
        await alice.close()
        await bob.close()


async def test_the_fallback_is_asked_where_the_first_document_is_none(
    cast: Cast, worker: WorkerProcess
) -> None:
    page, document = b"<html><body>Sorry</body></html>", b"sections:\n  main:\n    - play: %s\n    - hangup\n"
    files = {"/page": page, "/tone.wav": media("wav", 2.0, hertz=900)}
    async with web(files) as (base, asked):
        files["/good"] = document % f"{base}/tone.wav".encode()
        device = await callers.come_online(cast.bob)
        params = {"from": "/private/alice", "to": "/private/bob", "url": f"{base}/page"}
        body = {"command": "dial", "params": {**params, "fallback_url": f"{base}/good"}}
        made = await callers.in_thread(cast.rest.post, "/api/calling/calls", body)
        assert made.status_code == 200, made.content
        call_id, bob = made.json()["id"], Phone(300.0)
        await callers.pick_up(cast.bob, bob, call_id, device)
        await callers.hears(bob, 900.0)
        call = await ended(call_id)
        assert (call.end_reason, (await run_of(call_id)).error) == ("hangup", "")
        assert [path for path, _ in asked] == ["/page", "/good", "/tone.wav"]
        await bob.close()
