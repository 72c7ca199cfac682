"""ICE over TCP on the number of the shared port (RFC 6544): for a device from which no UDP gets through.

Proves docs/security.md#r1.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aioice.ice import CandidatePair

from calling.machine.states import Media
from calling.media.rtp import udp_ports
from calling.media.sources import tones
from calling.media.webrtc import ice_tcp, shared_port
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.test_a_hundred_calls_live_behind_one_port import DEVICE, SHARED, heard, legs, transport
from tests.media.test_chromium_hears_and_sees import CHROMIUM, browser
from tests.support.ports import free_pair
from tests.support.wait import until

LINE = re.compile(r"a=candidate:\S+ 1 (udp|tcp) (\d+) (\S+) (\d+) typ host.*\r\n")


class Shim:
    """What a device's own stack does: its datagrams as frames over a TCP connection, and back."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.0.1", 0))
        self.device: tuple[str, int] | None = None
        self.frames = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def connect(self, port: int) -> None:
        reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.tasks = [asyncio.ensure_future(self._out()), asyncio.ensure_future(self._back(reader))]

    async def _out(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data, self.device = await loop.sock_recvfrom(self.sock, 2048)
            # in two pieces: TCP keeps no frame together
            frame = len(data).to_bytes(2, "big") + data
            self.writer.write(frame[:7])
            await asyncio.sleep(0)
            self.writer.write(frame[7:])

    async def _back(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                self.frames += 1
                if self.device is not None:
                    self.sock.sendto(data, self.device)

    def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.writer.close()
        self.sock.close()


@contextlib.asynccontextmanager
async def over_tcp(udp: bool = False) -> AsyncIterator[tuple[WebRtcPeer, WebRtcPeer, Shim]]:
    """A device whose datagrams go by TCP, the leg that it calls, and what is between. udp: that works too."""
    device, ours, shim = WebRtcPeer(DEVICE), WebRtcPeer(SHARED), Shim()
    try:
        answer = await ours.answer(LINE.sub("", await device.offer(Media())))  # we cannot reach it either
        await shim.connect(next(int(found[4]) for found in LINE.finditer(answer) if found[1] == "tcp"))
        host, port = shim.sock.getsockname()
        only = f"a=candidate:1 1 udp 1 {host} {port} typ host\r\n"
        direct = LINE.sub(lambda found: found[0] if udp and found[1] == "udp" else "", answer)
        await device.accept(direct.replace("a=end-of-candidates\r\n", only))
        await until(lambda: device.port.up and ours.port.up, 15, "connecting")
        device.port.set_audio_source(tones.tone())
        ours.port.set_audio_source(ours.port)
        yield device, ours, shim
    finally:
        await asyncio.gather(device.close(), ours.close())
        shim.close()


def doors() -> list[ice_tcp.TcpDoor]:
    return [place.door for place in shared_port.of_this_loop(SHARED).places if place.door is not None]


async def test_udp_is_preferred_and_tcp_offered_on_the_same_number() -> None:
    device, ours, other = WebRtcPeer(DEVICE), WebRtcPeer(SHARED), WebRtcPeer(SHARED)
    try:
        told = [found.groups() for found in LINE.finditer(await ours.answer(await device.offer(Media())))]
        assert [kind for kind, *_ in told] == ["udp", "tcp"]
        assert int(told[0][1]) > int(told[1][1]) and told[0][2:] == told[1][2:]
        offer = await other.offer(Media())
        assert [found[1] for found in LINE.finditer(offer)] == ["udp"], "who is called connects to nobody"
    finally:
        await asyncio.gather(device.close(), ours.close(), other.close())


async def test_a_device_talks_and_hears_over_tcp_beside_one_of_udp() -> None:
    async with legs(1) as (bob,), over_tcp() as (device, ours, shim):
        await until(lambda: heard(device) > 30 and heard(ours) > 30, 15, "the echo")
        assert shim.frames > 30 and transport(ours).refused == transport(device).refused == 0
        assert transport(ours).path.sock is doors()[0]
        await bob.goes_on()


async def test_of_several_pairs_that_are_nominated_one_of_udp_is_used_while_it_answers() -> None:
    async with over_tcp(udp=True) as (device, ours, _):
        agent, path = transport(device).agent, transport(ours).path
        assert len(agent._remote_candidates) == 2
        for _ in range(2):
            for far in agent._remote_candidates:
                await agent.check_start(CandidatePair(agent._protocols[0], far))
        await asyncio.sleep(0.2)
        assert path.sock is not doors()[0] and len(doors()[0].lines) == 1
        path.agent.consent_at -= 60  # as where UDP is dropped from now on
        shim = next(far for far in agent._remote_candidates if far.priority == 1)
        await agent.check_start(CandidatePair(agent._protocols[0], shim))
        await until(lambda: path.sock is doors()[0], 5, "the move to TCP")
        await until(lambda: heard(device) > 30, 15, "the echo")


async def test_a_connection_ends_with_its_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_tcp, "UNKNOWN_SECONDS", 0.2)
    async with legs(1) as (bob,):
        async with over_tcp() as (_, ours, _):
            await asyncio.sleep(0.5)
            assert len(doors()[0].lines) == 1, "a leg's connection stays"
            await ours.close()
            await until(lambda: not doors()[0].lines, 5, "its end")
        await bob.goes_on()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_the_port_is_one_that_tcp_has_too_where_a_try_finds_one(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    low = free_pair()
    config = replace(SHARED, ports=(low, low + 1))
    for free in (low, low + 1, None):
        with contextlib.ExitStack() as others:
            for port in (low, low + 1):
                if port != free:
                    other = others.enter_context(socket.socket(family))
                    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    other.bind((host, port))
                    other.listen()
            found = [others.enter_context(sock) for sock in udp_ports.bind_shared(config, host)]
            ports = {sock.getsockname()[1] for sock in found}
            assert ports == {free} if free is not None else len(ports) == 1


async def test_strangers_are_closed_and_do_not_keep_devices_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_tcp, "UNKNOWN_SECONDS", 0.3)
    monkeypatch.setattr(ice_tcp, "MOST_OF_ONE", 5)
    async with legs(1) as (bob,):
        port = transport(bob.ours).path.agent.candidate.port
        said = [
            b"",
            b"\x00\x00" * 100,
            b"\x00\x14" + bytes(20),
            b"\xff\xff" + bytes(100),
            b"GET / HTTP/1.1\r\n\r\n",
        ]
        made = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        for number, (_, writer) in enumerate(made):
            writer.write(said[number % len(said)])
        await asyncio.sleep(0.1)
        assert len(doors()[0].lines) <= 5
        for reader, writer in made:
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 5) == b"", "nothing is said to strangers"
            writer.close()
        assert not doors()[0].lines and not doors()[0]._hosts
        await bob.goes_on()


async def test_a_connection_that_takes_nothing_loses_packets_and_no_memory() -> None:
    async with legs(1) as (bob,), over_tcp() as (_, ours, shim):
        shim.tasks[1].cancel()  # reads no more
        path, door = transport(ours).path, doors()[0]
        (line,) = door.lines.values()
        unsent = 0
        for _ in range(20_000):
            try:
                door.sendto(bytes(1200), path.remote or ())
            except OSError:
                unsent += 1
        assert unsent > 100 and len(line._waits) <= ice_tcp.MOST_WAITING
        await bob.goes_on()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="browser tests need Debian's chromium")
async def test_chromium_hears_and_sees_over_tcp() -> None:
    async with browser() as tab:
        offer = await tab.page.evaluate("phone('alice', 440, 'red')")
        peer = WebRtcPeer(SHARED, tab.log.append)
        tab.peers.append(peer)
        answer = LINE.sub(lambda found: found[0] if found[1] == "tcp" else "", await peer.answer(offer))
        await tab.page.evaluate("a => alice.pc.setRemoteDescription({type: 'answer', sdp: a})", answer)
        await until(lambda: peer.port.up, 15, "connecting")
        peer.port.set_audio_source(peer.port)
        peer.port.set_video_source(peer.port)
        assert transport(peer).path.sock is doors()[0]
        await tab.hears("alice", 440)
        await tab.frames("alice", 30)
