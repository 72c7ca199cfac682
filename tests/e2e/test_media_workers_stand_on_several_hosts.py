"""Media workers on two hosts, each with its own network and address: calls, a room across both, a host lost.

Hosts are network namespaces; the engines are reached by their sockets, as they would be by URL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import aioice.ice
import pytest
from asgiref.sync import sync_to_async

from calling import models
from tests.e2e import callers
from tests.e2e.hosts import OURS, hosts, obstacle
from tests.e2e.test_rooms_are_steered import TONES, all_hear, close, make_room
from tests.e2e.test_rooms_larger_than_a_worker import come_in
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timeout(150),
    pytest.mark.sample(1),
]
START = Callable[..., WorkerProcess]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Two hosts; our phones are on their network too."""
    why = obstacle()
    if why is not None:
        pytest.skip(why)
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [OURS])
    with hosts(2) as made:
        yield made


@pytest.fixture
def two_hosts(network: list[tuple[str, str]], start_worker: START) -> Callable[[int], list[WorkerProcess]]:
    """`two_hosts(legs)` starts a media worker on each, which takes so many legs."""

    def start(legs: int) -> list[WorkerProcess]:
        started = [
            start_worker(wait=False, host=space, CALLWRIGHT_MEDIA_IP=address, CALLWRIGHT_MEDIA_LEGS=str(legs))
            for space, address in network
        ]
        for worker in started:
            worker.wait_until_ready()
        return started

    return start


@sync_to_async
def carrier(call_id: str) -> tuple[int, str]:
    """Process and address of the worker that carries a call."""
    row = models.Call.objects.select_related("session__worker").get(pk=call_id)
    assert row.session is not None and row.session.worker is not None
    return int(row.session.worker.pid), str(row.session.worker.media_address)


def addresses_in(sdp: str) -> set[str]:
    """The addresses of an SDP's candidates."""
    lines = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return {words[4] for words in lines}


@pytest.mark.usefixtures("sweep")
async def test_a_room_spans_two_hosts_and_one_of_them_is_lost(
    four: Cast, two_hosts: Callable[[int], list[WorkerProcess]]
) -> None:
    await make_room(four)
    await callers.in_thread(two_hosts, 2)
    phones = {name: Phone(hertz) for name, hertz in TONES.items()}
    calls = await come_in(four, phones, "alice", "bob", "carol", "gus")
    at = {name: await carrier(call) for name, call in calls.items()}
    assert at["alice"] == at["bob"] != at["carol"] == at["gus"]
    assert {address for _, address in at.values()} == {"10.213.78.2", "10.213.78.3"}
    for name, call in calls.items():
        answer = (await callers.leg(call, "caller")).answer or ""
        assert addresses_in(answer) == {at[name][1]}, "each host's own address and no other"
    await all_hear(phones, set(TONES))

    os.kill(at["carol"][0], signal.SIGKILL)
    stay = {name: phones[name] for name in ("alice", "bob")}
    await all_hear(stay, {"alice", "bob"})
    for name in ("carol", "gus"):
        ended = await callers.state(calls[name], lambda call: call.state == "ended", 12)
        assert (ended.end_reason, ended.end_cause) == ("failed", "worker_lost")
    await close(phones)


async def test_what_one_host_has_no_room_for_goes_to_the_other(
    cast: Cast, two_hosts: Callable[[int], list[WorkerProcess]]
) -> None:
    await callers.in_thread(two_hosts, 3)
    phones = [Phone(400.0 + 150 * number) for number in range(4)]
    people = [cast.alice, cast.bob, cast.carol, cast.alice]
    calls = [
        await callers.dial(person, phone, "/public/echo")
        for person, phone in zip(people, phones, strict=True)
    ]
    for number, phone in enumerate(phones):
        await callers.hears(phone, 400.0 + 150 * number)
    used = [(await carrier(call))[1] for call in calls]
    assert set(used) == {"10.213.78.2", "10.213.78.3"}, used
    await close({str(number): phone for number, phone in enumerate(phones)})
