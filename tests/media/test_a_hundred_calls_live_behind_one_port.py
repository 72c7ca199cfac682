"""Legs of a worker share one UDP port: they come and go, move and vanish, and none is taken for another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from aioice.ice import CandidatePair

from calling.machine.states import Media
from calling.media.rtp import udp_ports
from calling.media.rtp.config import MediaConfig
from calling.media.sources import tones
from calling.media.webrtc import shared_port
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.webrtc_transport import WebRtcTransport
from tests.media.phones import CONFIG
from tests.support.ports import free_udp_and_tcp_port
from tests.support.wait import until

SHARED = replace(CONFIG, mux=True)
DEVICE = replace(CONFIG, mux=False)
SECOND = "127.0.0.2"


def transport(peer: WebRtcPeer) -> WebRtcTransport:
    found = peer.port.transports[0]
    assert isinstance(found, WebRtcTransport)
    return found


def port_of(peer: WebRtcPeer) -> int:
    return transport(peer).path.agent.candidate.port


def heard(peer: WebRtcPeer) -> int:
    """Packets of sound that came in, of one stream."""
    stream = peer.port.audio_in.current()
    return stream.packets if stream is not None else 0


class Leg:
    """A device that sends a tone, and the leg of the platform that gives it what another leg says."""

    def __init__(self, device: MediaConfig = DEVICE, ours: MediaConfig = SHARED) -> None:
        self.device, self.ours = WebRtcPeer(device), WebRtcPeer(ours)

    async def connect(self, speak: bool = True) -> None:
        await self.device.accept(await self.ours.answer(await self.device.offer(Media())))
        await until(lambda: self.device.port.up and self.ours.port.up, 20, "connecting")
        self.device.port.set_audio_source(tones.tone() if speak else None)
        self.ours.port.set_audio_source(self.ours.port)

    async def goes_on(self, count: int = 10) -> None:
        """It hears further sound from now on."""
        ours, device = heard(self.ours), heard(self.device)
        await until(
            lambda: heard(self.ours) > ours + count and heard(self.device) > device + count, 10, "sound"
        )

    async def close(self) -> None:
        await asyncio.gather(self.ours.close(), self.device.close())


@contextlib.asynccontextmanager
async def legs(count: int, device: MediaConfig = DEVICE, speak: bool = True) -> AsyncIterator[list[Leg]]:
    made = [Leg(device) for _ in range(count)]
    try:
        for start in range(0, count, 10):
            await asyncio.gather(*(leg.connect(speak) for leg in made[start : start + 10]))
        yield made
    finally:
        await asyncio.gather(*(leg.close() for leg in made))


@pytest.mark.family
async def test_a_hundred_calls_live_behind_one_port(figure: Callable[[int, int], int]) -> None:
    async with legs(2 * figure(5, 100), speak=False) as all_legs:
        for one, other in zip(all_legs[::2], all_legs[1::2], strict=True):
            one.ours.port.set_audio_source(other.ours.port)
            other.ours.port.set_audio_source(one.ours.port)
        for start in range(0, len(all_legs), 10):  # all are up, and some speak: one process is all devices
            some = all_legs[start : start + 10]
            for leg in some:
                leg.device.port.set_audio_source(tones.tone())
            await asyncio.gather(*(leg.goes_on(20) for leg in some))
            for leg in some:
                leg.device.port.set_audio_source(None)
        assert len({port_of(leg.ours) for leg in all_legs}) == 1
        assert len({port_of(leg.device) for leg in all_legs}) == len(all_legs)
        shared = shared_port.of_this_loop(SHARED)
        assert len(shared.sorter) == len(all_legs) and shared.sorter.strangers == 0
        assert all(leg.ours.port.up and leg.device.port.up for leg in all_legs)
        for leg in all_legs:
            assert transport(leg.ours).refused == 0, "a packet of another leg came to this one"
            assert heard(leg.ours) and len(transport(leg.ours).streams) == 1
    assert not shared.places and not len(shared.sorter), "with the last leg the port is closed"


async def test_a_leg_that_is_closed_gets_nothing_more_and_the_others_all() -> None:
    async with legs(3) as (alice, bob, carol):
        shared = shared_port.of_this_loop(SHARED)
        await alice.ours.close()  # its device does not know, and sends on
        before = heard(alice.ours)
        await until(lambda: shared.sorter.strangers > 30, 10, "packets for nobody")
        assert heard(alice.ours) == before
        await asyncio.gather(bob.goes_on(), carol.goes_on())


async def test_a_device_that_vanishes_hurts_no_other() -> None:
    """Its host refuses what comes (ICMP), and the kernel may tell that at any use of our socket."""
    async with legs(2) as (alice, bob):
        path = transport(alice.device).path
        for sock in path.socks:
            path._loop.remove_reader(sock.fileno())
            sock.close()
        alice.ours.port.set_audio_source(tones.tone())
        await bob.goes_on(60)
        assert transport(bob.ours).refused == 0 and bob.ours.port.unsent == 0


async def test_a_devices_port_serves_its_next_call() -> None:
    async with legs(1) as (bob,):
        port = free_udp_and_tcp_port()
        for _ in range(3):
            async with legs(1, replace(DEVICE, ports=(port, port))) as (alice,):
                assert port_of(alice.device) == port and port_of(alice.ours) == port_of(bob.ours)
                await alice.goes_on()
        await bob.goes_on()


async def test_a_device_that_moves_is_followed() -> None:
    """It nominates another pair in the middle of the call, as when it changes from one network to another."""
    async with legs(1) as (bob,), legs(1, replace(DEVICE, more=((SECOND, SECOND),))) as (alice,):
        agent, ours = transport(alice.device).agent, transport(alice.ours).path
        was = ours.remote
        assert was is not None
        for _ in range(2):
            before = ours.remote
            wire = next(wire for sock, wire in agent._wires.items() if sock.getsockname() != before)
            await agent.check_start(CandidatePair(wire, agent._remote_candidates[0]))
            await until(lambda before=before: ours.remote != before, 5, "the move")
            await alice.goes_on()
        assert ours.remote == was
        await bob.goes_on()


async def test_a_far_end_with_one_port_for_all_its_calls_gets_a_port_per_call_of_ours() -> None:
    """Two such ports would have one pair of addresses for all calls between them."""
    far = replace(SHARED, ports=(29000, 30999))  # another worker's port, as it were
    made = [Leg(far) for _ in range(3)]
    try:
        for leg in made:
            await leg.connect()
        assert len({port_of(leg.device) for leg in made}) == 1
        assert len({port_of(leg.ours) for leg in made}) == 3
        await asyncio.gather(*(leg.goes_on() for leg in made))
        assert all(transport(leg.ours).refused == transport(leg.device).refused == 0 for leg in made)
    finally:
        await asyncio.gather(*(leg.close() for leg in made))


async def test_two_legs_of_one_worker_that_call_each_other_are_two() -> None:
    made = [Leg(SHARED) for _ in range(2)]
    try:
        for leg in made:
            await leg.connect()
        await asyncio.gather(*(leg.goes_on() for leg in made))
    finally:
        await asyncio.gather(*(leg.close() for leg in made))


async def test_a_port_that_is_kept_stays_the_same_between_calls() -> None:
    give_up = shared_port.kept(SHARED)
    shared = shared_port.of_this_loop(SHARED)
    ports = set()
    for _ in range(2):
        async with legs(1) as (alice,):
            ports.add(port_of(alice.ours))
    assert ports == {shared.places[0].port}
    give_up()
    assert not shared.places


def test_a_port_is_one_workers_alone() -> None:
    """Several sockets stand at it, and none of another worker's, nor one of SIP."""
    low = free_udp_and_tcp_port()
    config = replace(SHARED, ports=(low, low))
    first = udp_ports.bind_shared(config, "127.0.0.1")
    try:
        assert len(first) == udp_ports.SHARDS and {sock.getsockname()[1] for sock in first} == {low}
        for other in (lambda: udp_ports.bind_shared(config, "127.0.0.1"), lambda: udp_ports.bind(config)):
            with pytest.raises(udp_ports.NoPort):
                other()
    finally:
        for sock in first:
            sock.close()


async def test_a_flood_at_one_socket_gets_one_read_of_a_round() -> None:
    config = replace(SHARED, ports=(30000, 30999), loop="python")
    give_up = shared_port.kept(config)
    shared = shared_port.of_this_loop(config)
    flooder, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    try:
        for _ in range(100):
            flooder.sendto(b"\x80" * 40, ("127.0.0.1", shared.places[0].port))
        await asyncio.sleep(0)  # not long enough for a look at the sockets
        shared.sorter.strangers = 0
        shared._readable()
        assert shared.sorter.strangers == 1, "nobody else waits: the loop may do something else"
        while shared.sorter.strangers < 90:
            shared._readable()
        for _ in range(100):
            for sock in (flooder, other):
                sock.sendto(b"\x80" * 40, ("127.0.0.1", shared.places[0].port))
        shared.sorter.strangers = 0
        shared._readable()
        assert shared.sorter.strangers <= shared_port.BUDGET
    finally:
        give_up()
        flooder.close()
        other.close()
