"""Two web hosts and two SIP edges on one database: it does not matter who came in where."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bench.softphone import SoftPhone
from calling import models
from calling.sip.stack.events import Answered, Confirmed, Finished
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess, answering
from tests.e2e.workers import WorkerProcess
from tests.faults.stage import connect
from tests.faults.web_client import ask
from tests.sockets.conftest import start_web, stop_web
from tests.support.people import Cast, Person
from tests.support.rest_client import basic

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(1)]


@pytest.fixture
def other_edge(
    transactional_db: None, child_environment: dict[str, str], tmp_path: Path
) -> Iterator[EdgeProcess]:
    """A second edge, as if on another host."""
    directory = tmp_path / "other"
    directory.mkdir()
    with answering(child_environment, directory) as one:
        yield one


@pytest.fixture
def web_hosts(transactional_db: None) -> Iterator[list[int]]:
    """The http ports of two web processes that know nothing of each other."""
    started: list[tuple[subprocess.Popen[bytes], int]] = []
    try:
        started += [start_web(), start_web()]
        yield [port for _, port in started]
    finally:
        for process, _ in started:
            stop_web(process)


@contextlib.asynccontextmanager
async def registered(cast: Cast, here: EdgeProcess, there: EdgeProcess) -> AsyncIterator[tuple[Desk, Desk]]:
    """alice's desk phone at one edge, bob's at the other."""
    at_one = Desk(here.port, await callers.in_thread(endpoint, cast.alice), "secret", 440.0)
    at_other = Desk(there.port, await callers.in_thread(endpoint, cast.bob), "secret", 660.0)
    async with at_one as alice, at_other as bob:
        assert await alice.register() == await bob.register() == 200
        yield alice, bob


async def test_a_desk_phone_at_one_edge_calls_one_at_the_other(
    cast: Cast, worker: WorkerProcess, edge: EdgeProcess, other_edge: EdgeProcess
) -> None:
    async with registered(cast, edge, other_edge) as (alice, bob):
        call = alice.dial("bob")
        ringing = await bob.rung()
        await bob.answer(ringing)
        await notice(ringing, Confirmed)
        alice.sound.agree((await notice(call, Answered)).sdp)
        await alice.hears(660.0)
        await bob.hears(440.0)
        row = await callers.in_thread(models.Call.objects.get)
        edges = await callers.in_thread(dialog_edges, row.id)
        assert edges["out"] == await callers.in_thread(holder_of, cast.bob) != edges["in"]
        await ringing.hangup()
        assert (await notice(call, Finished)).by == "remote"
        ended = await callers.state(str(row.id), lambda call: call.state == "ended")
        assert (ended.end_reason, ended.ended_by) == ("hangup", "callee")


async def test_a_desk_phone_that_changes_its_edge_is_rung_through_the_new_one(
    cast: Cast, worker: WorkerProcess, edge: EdgeProcess, other_edge: EdgeProcess
) -> None:
    async with registered(cast, edge, other_edge) as (alice, bob):
        assert other_edge.stop() < 10.0  # docs/contract.md#commands
        bob.edge_port = edge.port
        assert await bob.register() == 200
        call = alice.dial("bob")
        await bob.answer(await bob.rung())
        alice.sound.agree((await notice(call, Answered)).sdp)
        await alice.hears(660.0)
        await call.hangup()
        row = await callers.in_thread(models.Call.objects.get)
        await callers.state(str(row.id), lambda call: call.state == "ended")


async def test_a_desk_phone_whose_edge_died_is_rung_through_another(
    cast: Cast, worker: WorkerProcess, edge: EdgeProcess, other_edge: EdgeProcess
) -> None:
    async with registered(cast, edge, other_edge) as (alice, bob):
        gone = await callers.in_thread(holder_of, cast.bob)
        other_edge.process.kill()
        other_edge.process.wait(10)
        for _ in range(2):
            call = alice.dial("bob")
            await bob.answer(await bob.rung())
            alice.sound.agree((await notice(call, Answered)).sdp)
            await alice.hears(660.0)
            await call.hangup()
            # Adopted by the living edge: the next call loses no time.
            assert await callers.in_thread(holder_of, cast.bob) != gone


async def test_devices_of_two_web_hosts_talk_and_each_host_tells_the_same(
    cast: Cast, worker: WorkerProcess, web_hosts: list[int]
) -> None:
    here, there = web_hosts
    alice, bob = online(cast.alice, here, 440.0), online(cast.bob, there, 660.0)
    try:
        await alice.come_online()
        await bob.come_online()
        await connect(alice, bob)
        path, key = f"/api/calls/{alice.call_id}", basic(cast.project.id, cast.api_token)
        answers = [await asyncio.to_thread(ask, port, key, "GET", path) for port in web_hosts]
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].body == answers[1].body and answers[0].body["state"] == "answered"
        await asyncio.to_thread(ask, there, key, "POST", f"{path}/hold", {"leg": "caller"})
        await bob.expect("call.held", held_by="remote")
        await alice.expect("call.held", held_by="local")
        await asyncio.to_thread(ask, here, key, "POST", f"{path}/hangup", {})
        await asyncio.gather(alice.expect("call.ended"), bob.expect("call.ended"))
    finally:
        await alice.close()
        await bob.close()


def online(person: Person, port: int, hertz: float) -> SoftPhone:
    return SoftPhone(person.name, person.token, f"ws://127.0.0.1:{port}/ws/phone", hertz)


def dialog_edges(call_id: object) -> dict[str, object]:
    """The edges of a call's dialogs, by direction."""
    return dict(models.SipDialog.objects.filter(call_id=call_id).values_list("direction", "edge"))


def holder_of(person: Person) -> object:
    """The edge that a person's desk phone registered at."""
    assert person.subscriber is not None
    return models.Device.objects.get(kind="sip", subscriber_id=person.subscriber.pk).connection
