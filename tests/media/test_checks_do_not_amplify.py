"""ICE as a reflector: a stranger's words make us send little to others (RFC 8445 section 19.5.1)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aioice import stun

from calling.media.aiortc_private.ice import AMPLIFICATION, MAX_AT_ONE_ADDRESS, MAX_UNANSWERED, IceAgent
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG, Phone

VICTIM = "127.0.0.77"
DESCRIPTION = 1500  # bytes of an offer with twenty candidates
CHECK_BYTES = 130  # no check of ours is larger


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions after 10, 20, 40 … ms: all that would ever be sent is sent within the test."""
    monkeypatch.setattr(stun, "RETRY_RTO", 0.01)


class Ear:
    """Sockets of one address that count what comes, and answer nothing."""

    def __init__(self, address: str, count: int) -> None:
        self.address, self.datagrams, self.bytes = address, 0, 0
        self.sockets = []
        for _ in range(count):
            each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            each.setblocking(False)
            each.bind((address, 0))
            self.sockets.append(each)

    @property
    def ports(self) -> list[int]:
        return [each.getsockname()[1] for each in self.sockets]

    def hear(self) -> None:
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.bytes += len(each.recv(2048))
                    self.datagrams += 1

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@pytest.fixture
def victim() -> Iterator[Ear]:
    ear = Ear(VICTIM, 20)
    yield ear
    ear.close()


class Peer:
    """One agent on a socket of its own, read as the packet path reads it."""

    def __init__(
        self, controlling: bool, address: str = "127.0.0.1", judge: Callable[[str], bool] = lambda _: True
    ) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((address, 0))
        self.selected: list[tuple[str, int]] = []
        places = [(self.sock, address)]
        self.agent = IceAgent(places, controlling, lambda to, _: self.selected.append(to), judge)
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)
        self.task: asyncio.Task[None] | None = None

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, address = self.sock.recvfrom(2048)
                self.agent.feed(data, address, self.sock)

    def start(
        self, user: str = "user", password: str = "p" * 22, lite: bool = False, size: int = DESCRIPTION
    ) -> None:
        self.agent.heard(size)
        self.agent.set_remote(user, password, lite)
        self.task = asyncio.ensure_future(self.agent.connect())

    def knows(self, other: Peer) -> None:
        self.start(other.agent.local_username, other.agent.local_password)

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        if self.task is not None:
            self.task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.agent.close(), 2)
        self.sock.close()


@pytest.fixture
async def peers() -> AsyncIterator[list[Peer]]:
    made: list[Peer] = []
    yield made
    for each in made:
        await each.close()


def line(host: str, port: int, number: int = 1, kind: str = "host") -> str:
    return f"{number} 1 udp {2130706431 - number} {host} {port} typ {kind}"


async def until_quiet(*ears: Ear) -> None:
    heard = -1
    while heard != sum(ear.datagrams for ear in ears):
        heard = sum(ear.datagrams for ear in ears)
        await asyncio.sleep(0.7)
        for ear in ears:
            ear.hear()


@pytest.mark.parametrize(("controlling", "lite"), [(True, False), (False, False), (False, True)])
async def test_an_address_that_does_not_answer_gets_few_checks(
    peers: list[Peer], victim: Ear, controlling: bool, lite: bool
) -> None:
    """Twenty candidates at one address were 111 datagrams for an offer of 1.5 kB."""
    peer = Peer(controlling)
    peers.append(peer)
    for number, port in enumerate(victim.ports):
        await peer.agent.add_remote_line(line(VICTIM, port, number))
    peer.start(lite=lite)
    await until_quiet(victim)
    assert 0 < victim.datagrams <= MAX_UNANSWERED and victim.bytes <= MAX_UNANSWERED * CHECK_BYTES
    assert len(peer.agent.remote_candidates) == MAX_AT_ONE_ADDRESS


async def test_candidates_that_trickle_in_are_no_others(peers: list[Peer], victim: Ear) -> None:
    peer = Peer(False)
    peers.append(peer)
    peer.start()
    for number, port in enumerate(victim.ports):
        await peer.agent.add_remote_line(line(VICTIM, port, number, ["host", "srflx", "relay"][number % 3]))
        await asyncio.sleep(0.02)
    await until_quiet(victim)
    assert victim.datagrams <= MAX_UNANSWERED


@pytest.mark.parametrize("size", [400, DESCRIPTION, 64_000])
async def test_many_addresses_together_get_three_times_what_came(peers: list[Peer], size: int) -> None:
    """A network is a victim as well as a host; who answers at one address gains nothing at the others."""
    ears = [Ear(f"127.0.1.{n}", 3) for n in range(1, 31)]
    peer, mallory = Peer(True), Peer(False)
    peers += [peer, mallory]
    for number, ear in enumerate(ears):
        for port in ear.ports:
            await peer.agent.add_remote_line(line(ear.address, port, number))
    await peer.agent.add_remote_line(mallory.agent.candidate_lines[0])
    peer.start(mallory.agent.local_username, mallory.agent.local_password, size=size)
    await until_quiet(*ears)
    mallory.knows(peer)
    await until_quiet(*ears)
    for ear in ears:
        ear.close()
    assert 0 < sum(ear.bytes for ear in ears) <= AMPLIFICATION * size
    assert all(ear.datagrams <= MAX_UNANSWERED for ear in ears)


async def test_checks_with_a_forged_source_bring_few_in_return(peers: list[Peer], victim: Ear) -> None:
    """mallory knows our password, as it is in our answer, and writes the victim as the sender."""
    peer, mallory = Peer(False), Peer(True)
    peers += [peer, mallory]
    peer.start(mallory.agent.local_username, mallory.agent.local_password)
    sent = 0
    for _ in range(3):
        for each in victim.sockets:
            request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
            request.attributes["USERNAME"] = f"{peer.agent.local_username}:{mallory.agent.local_username}"
            request.attributes["PRIORITY"] = 1
            request.attributes["ICE-CONTROLLING"] = 1
            request.add_message_integrity(peer.agent.local_password.encode())
            each.sendto(bytes(request), peer.sock.getsockname())
            sent += 1
    await until_quiet(victim)
    answers = sent
    assert victim.datagrams <= answers + MAX_UNANSWERED + sent
    prflx = [c for c in peer.agent.remote_candidates if c.type == "prflx"]
    assert len(prflx) <= MAX_AT_ONE_ADDRESS


async def test_peers_that_answer_connect(peers: list[Peer]) -> None:
    alice, bob = Peer(True), Peer(False)
    peers += [alice, bob]
    await alice.agent.add_remote_line(bob.agent.candidate_lines[0])
    await bob.agent.add_remote_line(alice.agent.candidate_lines[0])
    alice.knows(bob)
    bob.knows(alice)
    await asyncio.wait_for(asyncio.gather(alice.task, bob.task), 10)  # type: ignore[arg-type]
    assert alice.selected and bob.selected


async def test_a_peer_that_can_be_reached_late_connects_all_the_same(peers: list[Peer]) -> None:
    """It is given our answer only when somebody picks up: all checks before that were in vain."""
    alice, bob = Peer(False), Peer(True)
    peers += [alice, bob]
    await alice.agent.add_remote_line(bob.agent.candidate_lines[0])
    bob_reads = bob._read
    asyncio.get_running_loop().remove_reader(bob.sock.fileno())  # a NAT that lets nothing in yet
    alice.knows(bob)
    await asyncio.sleep(1.5)
    while alice.agent.may_check("127.0.0.1", 100):
        pass
    while True:
        try:
            bob.sock.recv(2048)
        except BlockingIOError:
            break
    asyncio.get_running_loop().add_reader(bob.sock.fileno(), bob_reads)
    await bob.agent.add_remote_line(alice.agent.candidate_lines[0])
    bob.knows(alice)
    await asyncio.wait_for(asyncio.gather(alice.task, bob.task), 20)  # type: ignore[arg-type]
    assert alice.selected and bob.selected


async def test_an_address_that_has_answered_is_no_longer_counted(peers: list[Peer]) -> None:
    alice, bob = Peer(True), Peer(False)
    peers += [alice, bob]
    await alice.agent.add_remote_line(bob.agent.candidate_lines[0])
    alice.knows(bob)
    bob.knows(alice)
    await asyncio.wait_for(asyncio.gather(alice.task, bob.task), 10)  # type: ignore[arg-type]
    assert all(alice.agent.may_check("127.0.0.1", 100) for _ in range(MAX_UNANSWERED * 2))
    for number in range(6):
        await alice.agent.add_remote_line(line("127.0.0.1", 50_000 + number, number))
    assert len(alice.agent.remote_candidates) == 7


async def test_who_may_not_be_sent_to_is_not_learned_from_a_source(peers: list[Peer]) -> None:
    """A datagram can be written with any source: the gate of candidates judges it too."""
    asked: list[str] = []

    def judge(address: str) -> bool:
        asked.append(address)
        return False

    alice, bob = Peer(False, judge=judge), Peer(True)
    peers += [alice, bob]
    await bob.agent.add_remote_line(alice.agent.candidate_lines[0])
    alice.knows(bob)
    bob.knows(alice)
    await asyncio.sleep(0.3)
    assert set(asked) == {"127.0.0.1"}
    assert not alice.agent.remote_candidates and not alice.selected and not bob.selected


async def test_the_whole_description_of_a_leg_makes_few_datagrams(victim: Ear) -> None:
    """The same by the door: an offer with every candidate at the victim, a trickle after it."""
    phone = Phone()
    offer = await phone.offer()
    candidates = "".join(
        f"a=candidate:{number} 1 udp {9999 - number} {VICTIM} {port} typ host\r\n"
        for number, port in enumerate(victim.ports)
    )
    lines = [each for each in offer.split("\r\n") if each and "candidate" not in each]
    hostile = "\r\n".join(lines) + "\r\n" + candidates
    peer = WebRtcPeer(CONFIG)
    await peer.answer(hostile)
    for port in victim.ports:
        await peer.add_candidate(f"candidate:7 1 udp 77 {VICTIM} {port} typ srflx", sdp_m_line_index=0)
    await until_quiet(victim)
    assert 0 < victim.datagrams <= MAX_UNANSWERED and victim.bytes < len(hostile)
    await peer.close()
    await phone.close()


async def test_another_spelling_of_an_address_is_no_other_address(peers: list[Peer]) -> None:
    peer = Peer(False)
    peers.append(peer)
    for number, text in enumerate(("2001:db8::1", "2001:DB8::1", "2001:db8:0::1", "2001:0db8::0:1")):
        await peer.agent.add_remote_line(line(text, 9000 + number, number))
    assert len(peer.agent.remote_candidates) == MAX_AT_ONE_ADDRESS
