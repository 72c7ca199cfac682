"""Two web processes, SIP edges, sweeps and media hosts are one instance; calls cross them, and one of each
dies.

The media hosts are network namespaces with an address each.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aioice.ice
import pytest

from bench.softphone import SoftPhone
from calling import models
from calling.sip.stack.events import Answered
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess, answering
from tests.e2e.hosts import OURS, hosts, obstacle
from tests.e2e.workers import WorkerProcess
from tests.faults.stage import connect
from tests.faults.web_client import ask
from tests.sockets.conftest import start_web, stop_web
from tests.support import people
from tests.support.people import Cast
from tests.support.rest_client import basic

ORDERS = (
    ("sweep", "media", "web", "edge"),
    ("media", "sweep", "edge", "web"),
    ("web", "edge", "sweep", "media"),
    ("edge", "web", "media", "sweep"),
)
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timing,
    pytest.mark.timeout(240),
    pytest.mark.sample(1),
]
AGAIN_SECONDS = 40.0


@dataclass
class Instance:
    """The two of each; `web` with their ports."""

    web: list[tuple[subprocess.Popen[bytes], int]]
    edge: list[EdgeProcess]
    sweep: list[subprocess.Popen[bytes]]
    media: list[WorkerProcess]


@pytest.fixture
def instance(
    transactional_db: None,
    child_environment: dict[str, str],
    start_worker: Callable[..., WorkerProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Instance]:
    why = obstacle()
    if why is not None:
        pytest.skip(why)
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [OURS])
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(hosts(2))
        media = [
            start_worker(wait=False, host=space, CALLWRIGHT_MEDIA_IP=address) for space, address in network
        ]
        sweeps = []
        for _ in range(2):
            process = subprocess.Popen([sys.executable, "manage.py", "sweep"], env=child_environment)
            stack.callback(ended, process)
            sweeps.append(process)
        edges = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            edges.append(stack.enter_context(answering(child_environment, tmp_path / name)))
        web = []
        for _ in range(2):
            web.append(start_web())
            stack.callback(stop_web, web[-1][0])
        for worker in media:
            worker.wait_until_ready()
        yield Instance(web, edges, sweeps, media)


def ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)


@contextlib.asynccontextmanager
async def talking(cast: Cast, one: Instance) -> AsyncIterator[tuple[SoftPhone, SoftPhone]]:
    """alice at the first web process talks to bob at the other."""
    alice, bob = (
        SoftPhone(person.name, person.token, f"ws://127.0.0.1:{port}/ws/phone", hertz)
        for person, (_, port), hertz in ((cast.alice, one.web[0], 440.0), (cast.bob, one.web[1], 660.0))
    )
    try:
        for phone in (alice, bob):
            await phone.come_online()
        await connect(alice, bob)
        for phone in (alice, bob):
            phone.comes_back = True
        yield alice, bob
    finally:
        for phone in (alice, bob):
            phone.comes_back = False
            await phone.close()


@contextlib.asynccontextmanager
async def desks(cast: Cast, one: Instance) -> AsyncIterator[tuple[Desk, Desk]]:
    """dora's desk phone at the first edge, emil's at the other; their sound is where the media hosts are."""
    dora = await callers.in_thread(people.subscriber, cast.project, "dora")
    emil = await callers.in_thread(people.subscriber, cast.project, "emil")
    names = [await callers.in_thread(endpoint, each) for each in (dora, emil)]
    async with (
        Desk(one.edge[0].port, names[0], "secret", 520.0, OURS) as here,
        Desk(one.edge[1].port, names[1], "secret", 780.0, OURS) as there,
    ):
        assert await here.register() == await there.register() == 200
        yield here, there


async def ring(here: Desk, there: Desk) -> None:
    """A call of two desk phones, from dial to hangup."""
    call = here.dial("emil")
    await there.answer(await there.rung(20.0))
    here.sound.agree((await notice(call, Answered)).sdp)
    await here.hears(780.0, 20.0)
    await there.hears(520.0, 20.0)
    await call.hangup()


async def until(test: Callable[[], bool]) -> None:
    end = time.monotonic() + AGAIN_SECONDS
    while not await callers.in_thread(test):
        assert time.monotonic() < end, "it did not come so far"
        await asyncio.sleep(0.1)


async def heard(alice: SoftPhone, bob: SoftPhone) -> None:
    await alice.hears(660.0, AGAIN_SECONDS)
    await bob.hears(440.0, AGAIN_SECONDS)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_one_of_each_dies_and_the_calls_go_on(
    cast: Cast, instance: Instance, order: tuple[str, ...]
) -> None:
    key = basic(cast.project.id, cast.api_token)
    async with talking(cast, instance) as (alice, bob), desks(cast, instance) as (here, there):
        call_id = alice.call_id
        await ring(here, there)
        for kind in order:
            match kind:
                case "sweep":
                    instance.sweep[0].kill()
                case "edge":
                    instance.edge[1].process.kill()
                case "web":
                    alice.url = bob.url
                    instance.web[0][0].kill()
                    await until(lambda: bool(alice.returns))
                case "media":
                    await lose_carrier(instance, call_id)
            await heard(alice, bob)
            await ring(here, there)
        answer = await asyncio.to_thread(ask, instance.web[1][1], key, "GET", f"/api/calls/{call_id}")
        assert answer.status == 200 and answer.body["state"] == "answered"
        await asyncio.to_thread(ask, instance.web[1][1], key, "POST", f"/api/calls/{call_id}/hangup", {})
        await asyncio.gather(alice.expect("call.ended"), bob.expect("call.ended"))
    # The sweep that is left has published everything, each call's events in their order.
    await until(lambda: not unpublished())
    numbers = await callers.in_thread(sequences, call_id)
    assert numbers == list(range(1, len(numbers) + 1))


async def lose_carrier(one: Instance, call_id: str) -> None:
    """Kill the media worker of a call; returns once the other one has it."""
    carrier = await callers.in_thread(carrier_of, call_id)
    (worker,) = [each for each in one.media if each.pid == carrier]
    worker.signal(signal.SIGKILL)
    await until(lambda: carrier_of(call_id) not in (None, carrier))


def carrier_of(call_id: str) -> int | None:
    row = models.Call.objects.select_related("session__worker").get(pk=call_id)
    return row.session.worker.pid if row.session is not None and row.session.worker is not None else None


def unpublished() -> bool:
    return models.Event.objects.filter(position=None).exists()


def sequences(call_id: str) -> list[int | None]:
    """The numbers of a call's events in the order in which they were published."""
    rows = models.Event.objects.filter(call_id=call_id).order_by("position")
    return list(rows.values_list("sequence", flat=True))
