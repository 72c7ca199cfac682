"""What mallory sends to the port that all legs share: with a leg of her own, with a name that she has seen,
with the address of another: no leg's traffic is hers, and she gets no more than she sent.

Proves docs/security.md#r1.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aioice import stun

from calling.media.aiortc_private.ice import AMPLIFICATION, MAX_UNANSWERED
from calling.media.webrtc import shared_port
from tests.media.test_a_hundred_calls_live_behind_one_port import SHARED, Leg, legs, port_of, transport

ELSEWHERE = "127.0.0.3"


class Stranger:
    """A socket at an address of its own, that counts what it gets."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((ELSEWHERE, 0))
        self.sock.setblocking(False)
        self.sent = 0

    def send(self, data: bytes, leg: Leg) -> None:
        self.sent += self.sock.sendto(data, ("127.0.0.1", port_of(leg.ours)))

    def got(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.sock.recv(2048))
            except BlockingIOError:
                return found


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    yield made
    made.sock.close()


@pytest.fixture
async def pair() -> AsyncIterator[list[Leg]]:
    async with legs(2) as made:
        yield made


def check(leg: Leg, password: str | None = None, nominates: bool = True) -> bytes:
    """A check of that leg's device, as it sends it or would send it again."""
    ours, device = transport(leg.ours).agent, transport(leg.device).agent
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ours.local_username}:{device.local_username}"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 1
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((password or ours.local_password).encode())
    return bytes(message)


async def test_a_fragment_without_its_password_gets_no_answer(pair: list[Leg], stranger: Stranger) -> None:
    alice, bob = pair
    shared = shared_port.of_this_loop(SHARED)
    for _ in range(50):
        for leg in pair:
            stranger.send(check(leg, password="x" * 22), leg)
        stranger.send(check(alice, password=transport(bob.ours).agent.local_password), alice)
    await asyncio.gather(*(leg.goes_on() for leg in pair))
    assert not stranger.got() and shared.sorter.strangers == 150
    assert not [at for routes in shared.sorter.routes for at in routes if at[0] == ELSEWHERE]


async def test_a_check_that_is_sent_again_moves_nobody(pair: list[Leg], stranger: Stranger) -> None:
    """Whoever has seen one knows no password: it is authentic, and what it brings is a check of ours."""
    alice, bob = pair
    was = transport(alice.ours).path.remote
    seen = check(alice)
    for _ in range(40):
        stranger.send(seen, alice)
        stranger.send(b"\x80\x60" + os.urandom(80), alice)
        stranger.send(b"\x16\xfe\xfd" + os.urandom(40), alice)
    await asyncio.gather(*(leg.goes_on(60) for leg in pair))
    assert transport(alice.ours).path.remote == was
    assert len(transport(alice.ours).streams) == 1 and not transport(bob.ours).refused
    got = stranger.got()
    assert len(got) <= 40 + MAX_UNANSWERED and sum(map(len, got)) <= AMPLIFICATION * stranger.sent


@pytest.mark.parametrize("nominates", [True, False])
async def test_a_leg_of_ones_own_and_a_forged_source_take_no_traffic(
    pair: list[Leg], nominates: bool
) -> None:
    """Her checks are authentic and come (as forged ones would) from the very socket of alice's device."""
    alice, mallory = pair
    shared = shared_port.of_this_loop(SHARED)
    at = transport(alice.ours).path.remote
    for _ in range(30):
        transport(alice.device).path.sock.sendto(
            check(mallory, nominates=nominates), ("127.0.0.1", port_of(alice.ours))
        )
        await asyncio.sleep(0.005)
        assert shared.sorter.routes[0][at] is transport(alice.ours).path
    await asyncio.gather(*(leg.goes_on(60) for leg in pair))
    assert transport(mallory.ours).refused == transport(alice.ours).refused == 0


async def test_one_leg_that_speaks_in_the_place_of_another_is_not_heard(pair: list[Leg]) -> None:
    """mallory's own packets, sent from alice's address, are sorted to alice's leg and refused by its keys."""
    alice, mallory = pair
    to = ("127.0.0.1", port_of(alice.ours))
    device = transport(mallory.device)
    device.send = lambda data: transport(alice.device).path.sock.sendto(data, to)
    await alice.goes_on(60)
    assert transport(alice.ours).refused > 20 and len(transport(alice.ours).streams) == 1


@pytest.mark.family
async def test_a_hundred_thousand_datagrams_end_no_call(
    pair: list[Leg], stranger: Stranger, figure: Callable[[int, int], int], seed: int
) -> None:
    """All kinds at once, with names, tags and addresses that are right and all else wrong."""
    count = figure(4000, 100_000)
    dice, shared = random.Random(seed), shared_port.of_this_loop(SHARED)
    seat = transport(pair[0].ours).path.seat
    assert seat is not None
    right, tag, name = check(pair[0], password="y" * 22), seat.tag, seat.name.encode()
    cookie = b"\x21\x12\xa4\x42"
    success, error, request = b"\1\1\0\x18" + cookie, b"\1\x11\0\0" + cookie, b"\0\1\0\x10" + cookie
    kinds: list[Callable[[], bytes]] = [
        lambda: dice.randbytes(dice.randrange(200)),
        lambda: b"\x80\x60" + dice.randbytes(dice.randrange(300)),
        lambda: bytes((dice.randrange(20, 64),)) + dice.randbytes(60),
        lambda: right[: dice.randrange(len(right))],
        lambda: right[:20] + dice.randbytes(len(right) - 20),
        lambda: success + tag + dice.randbytes(8) + b"\0\x08\0\x14" + dice.randbytes(20),
        lambda: error + tag + dice.randbytes(8),
        lambda: request + dice.randbytes(12) + b"\0\x06\0\x0a" + name + b":x\0\0",
    ]
    for number in range(count):
        stranger.send(dice.choice(kinds)(), dice.choice(pair))
        if number % 50 == 49:
            await asyncio.sleep(0.002)
    await asyncio.gather(*(leg.goes_on() for leg in pair))
    assert shared.sorter.strangers > count // 2 and not stranger.got()
    for leg in pair:
        path = transport(leg.ours).path
        assert leg.ours.port.up and transport(leg.ours).refused == 0
        assert list(shared.sorter._claims[path]) == [(0, path.remote)]
