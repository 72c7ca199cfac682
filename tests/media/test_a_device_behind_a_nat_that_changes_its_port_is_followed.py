"""A NAT gives a device another port in the middle of a call, and the device does not know: it restarts
nothing, and the checks of many stacks nominate nothing then. Its packets come from elsewhere."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator

import aioice.ice
import pytest
from aioice.ice import CandidatePair

from calling.media.aiortc_private import ice
from calling.media.rtp.events import PeerFailed, Signal
from calling.media.webrtc import webrtc_transport
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.webrtc_transport import WebRtcTransport
from tests.media.phones import CONFIG, Phone
from tests.media.test_any_pair_that_was_nominated_is_heard import attribute, check
from tests.support.wait import until


class Nat:
    """Between one device and the platform; `inside` is where the device sends."""

    def __init__(self, platform: tuple[str, int]) -> None:
        self.platform, self.device = platform, ("", 0)
        self.loop = asyncio.get_running_loop()
        self.inside, self.outside = self._open(self._from_device), self._open(self._from_platform)

    def _open(self, reader: object) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        self.loop.add_reader(made, reader)  # type: ignore[arg-type]
        return made

    def _from_device(self) -> None:
        data, self.device = self.inside.recvfrom(2048)
        self.outside.sendto(data, self.platform)

    def _from_platform(self) -> None:
        self.inside.sendto(self.outside.recv(2048), self.device)

    def rebind(self) -> None:
        """Another port, and what is sent to the old one is lost."""
        self._close(self.outside)
        self.outside = self._open(self._from_platform)

    def _close(self, sock: socket.socket) -> None:
        self.loop.remove_reader(sock)
        sock.close()

    def close(self) -> None:
        self._close(self.inside)
        self._close(self.outside)


class Behind:
    """A stock aiortc phone behind a NAT, and our peer, which gives back what it hears."""

    def __init__(self) -> None:
        self.log: list[Signal] = []
        self.phone, self.ours = Phone(440), WebRtcPeer(CONFIG, self.log.append)

    async def connect(self) -> None:
        answer = await self.ours.answer(re.sub(r"a=candidate:.*\r\n", "", await self.phone.offer()))
        ours = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ", answer)
        assert ours
        self.nat = Nat((ours[1], int(ours[2])))
        there = f"127.0.0.1 {self.nat.inside.getsockname()[1]}"
        only_udp = re.sub(r"a=candidate:\S+ 1 tcp .*\r\n", "", answer)
        await self.phone.take(only_udp.replace(f"{ours[1]} {ours[2]} typ", f"{there} typ"))
        await until(lambda: self.ours.port.up, what="connecting")
        self.ours.port.set_audio_source(self.ours.port)
        await until(lambda: self.phone.hears(440), what="its own sound")

    @property
    def agent(self) -> ice.IceAgent:
        return self.ours.port.transports[0].path.agent  # type: ignore[attr-defined, no-any-return]

    async def close(self) -> None:
        await asyncio.gather(self.ours.close(), self.phone.close())
        self.nat.close()


@pytest.fixture
async def behind(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Behind]:
    """The phone asks for consent every 0.3 s, not every five, and is waited for no longer than that."""
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.3)
    monkeypatch.setattr(ice, "DOUBT_SECONDS", 0.4)
    made = Behind()
    await made.connect()
    yield made
    await made.close()


async def test_sound_goes_on_both_ways_from_the_new_port(behind: Behind) -> None:
    for _ in range(2):
        behind.nat.rebind()
        there, path = behind.nat.outside.getsockname(), behind.ours.port.transports[0].path
        await until(lambda path=path, there=there: path.remote == there, 8, "sending to the new port")
        behind.phone.sound.clear()
        await until(lambda: behind.phone.hears(440), 8, "its own sound again")
        assert not any(isinstance(each, PeerFailed) for each in behind.log)
        await asyncio.sleep(2 * ice.DOUBT_SECONDS)


async def test_who_answers_where_we_send_is_not_left(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second way to the device, which works and which it checks, and has not nominated."""
    path, agent = behind.ours.port.transports[0].path, behind.agent
    was, asked = path.remote, agent.consent_at
    pair = agent._nominated[1]
    other = CandidatePair(pair.protocol, pair.remote_candidate)
    other.state = CandidatePair.State.SUCCEEDED
    agent.check_complete(other)
    await until(lambda: agent.consent_at > asked, 3, "the device's answer")
    await asyncio.sleep(1.2 * ice.DOUBT_SECONDS)
    assert path.remote == was and agent._nominated[1] is pair


async def test_a_check_that_fails_is_no_consent(behind: Behind) -> None:
    agent = behind.agent
    pair = CandidatePair(agent._nominated[1].protocol, agent._nominated[1].remote_candidate)
    agent.consent_at = 5.0
    for state in (CandidatePair.State.FAILED, CandidatePair.State.IN_PROGRESS):
        pair.state = state
        agent.check_complete(pair)
    assert agent.consent_at == 5.0


async def test_one_who_repeats_a_check_from_elsewhere_draws_nothing(behind: Behind) -> None:
    """The check is authentic and its sender is not: she cannot answer ours."""
    ours, offer = behind.agent, behind.phone.pc.localDescription.sdp
    seen = check(
        f"{ours.local_username}:{attribute('ice-ufrag', offer)}", ours.local_password, nominates=False
    )
    mallory = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mallory.bind(("127.0.0.3", 0))
    path = behind.ours.port.transports[0].path
    was = path.remote
    behind.nat._close(behind.nat.outside)  # even while the device is away
    behind.nat.outside = behind.nat._open(lambda: None)
    for _ in range(12):
        mallory.sendto(seen, behind.nat.platform)
        await asyncio.sleep(ice.DOUBT_SECONDS / 4)
    mallory.close()
    assert path.remote == was


async def test_one_who_moves_and_keeps_its_association_is_heard_on(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another section comes to bear the transport, browsers begin anew at another port; it does not."""
    monkeypatch.setattr(webrtc_transport, "DTLS_SECONDS", 0.5)
    transport = behind.ours.port.transports[0]
    assert isinstance(transport, WebRtcTransport)
    keys, association, pipe = transport.tx, transport.dtls, transport.pipe
    transport.may_begin_anew()
    behind.nat.rebind()
    await until(lambda: transport.pipe is not pipe, 8, "shaking hands")
    await until(lambda: transport.pipe is transport.path.pipe is pipe, 8, "giving up")
    behind.phone.sound.clear()
    await until(lambda: behind.phone.hears(440), 8, "its own sound again")
    assert transport.tx is keys and transport.dtls is association
    assert not any(isinstance(each, PeerFailed) for each in behind.log)
