"""ICE by aioice on given sockets: checks are paced, bounded and answered as the packet path wants it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from aioice import Candidate
from aioice import stun as aioice_stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import ICE_COMPLETED, CandidatePair, Connection, StunProtocol, candidate_pair_priority

import clock
from calling.media import stun

MAX_PAIRS = 100  # RFC 8445 section 19.5.1
# Nobody is flooded with checks at a stranger's word: until an address has answered, few candidates of it are
# taken, few checks are sent there, and all such checks together are at most three times what the other side
# has sent (as RFC 9000 section 8.1 bounds it); a check of its own (with our password) brings one more.
MAX_AT_ONE_ADDRESS = 3
UNANSWERED_REPEATS = 3
MAX_UNANSWERED = 12
AMPLIFICATION = 3
CONSENT_PRIORITY = candidate_priority(1, "prflx")
LOOPBACK_RANK = 1000  # some browsers send nothing over it
UDP_KEPT = 6.0  # seconds since an answer for which a pair of UDP is not left for one of TCP
CHECK_PACE = 0.02  # seconds between ordinary checks (Ta of RFC 8445 section 6.1.4.2)
DOUBT_SECONDS = 1.0  # how long a far end that shows itself elsewhere may take to answer where we send


class Wire(Protocol):
    """A UDP socket, or what takes its place for TCP."""

    def sendto(self, data: bytes | memoryview, address: tuple[Any, ...], /) -> int: ...
    def getsockname(self) -> tuple[Any, ...]: ...


class IceSocket(StunProtocol):
    """aioice's view of a UDP socket that the packet path reads itself."""

    def __init__(self, agent: IceAgent, sock: Wire, candidate: Candidate) -> None:
        super().__init__(agent)
        self.sock = sock
        self.local_candidate = candidate
        self.transport = cast(asyncio.DatagramTransport, self)

    def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):  # full buffer or an unreachable candidate: STUN repeats itself
            self.sock.sendto(data, addr)

    async def request(
        self,
        request: aioice_stun.Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[aioice_stun.Message, tuple[str, int]]:
        """One check; it is repeated less often to an address that has never answered."""
        if retransmissions is None and not cast(IceAgent, self.receiver).has_answered(addr[0]):
            retransmissions = UNANSWERED_REPEATS
        return await super().request(request, addr, integrity_key, retransmissions)

    def send_stun(self, message: aioice_stun.Message, addr: tuple[str, int]) -> None:
        ours = message.message_class == aioice_stun.Class.REQUEST
        if not ours or cast(IceAgent, self.receiver).may_check(addr[0], len(bytes(message))):
            super().send_stun(message, addr)

    async def close(self) -> None:
        """The owner of the socket closes it."""


def host_candidate(sock: Wire, advertised: str, rank: int) -> Candidate:
    """The candidate of a socket; rank 0 is preferred, loopback comes last (RFC 8445 section 5.1.2), and TCP
    after all of UDP (RFC 6544 section 4.2; 4 stands for passive)."""
    rank += LOOPBACK_RANK * ipaddress.ip_address(advertised).is_loopback
    udp = isinstance(sock, socket.socket)
    transport = "udp" if udp else "tcp"
    return Candidate(
        foundation=candidate_foundation("host", transport, advertised),
        component=1,
        transport=transport,
        priority=candidate_priority(1, "host", (65535 if udp else 4 << 13) - rank),
        host=advertised,
        port=sock.getsockname()[1],
        type="host",
        tcptype=None if udp else "passive",
    )


class Seat(Protocol):
    """What an agent tells the port that it shares with others, so that its datagrams are found there."""

    name: str  # the agent's user fragment
    tag: bytes  # what the transactions of its checks begin with

    def told(self, host: str, port: int) -> None:
        """The far end has named that address as one of its candidates."""

    def heard(self, address: tuple[str, int], sock: Wire, *, proven: bool) -> None:
        """A check with our password came from there to that socket; proven: an answer to ours."""


def _is_tcp(pair: CandidatePair) -> bool:
    return bool(pair.local_candidate.transport == "tcp")


def _rank(pair: CandidatePair) -> int:
    """The priority of a pair of which we are the controlling side."""
    return candidate_pair_priority(pair.local_candidate, pair.remote_candidate, True)


class IceAgent(Connection):
    """aioice's agent on given sockets, without its gathering, its sleeps and its consent task.

    places: each socket with the address it is known by. `on_selected(address, sock)` is called at each
    nomination, also when the other side moves later. `judge(address)`: whether checks may go there at all.
    seat: on sockets that other agents have too; None: they are this one's own.
    """

    def __init__(
        self,
        places: Sequence[tuple[Wire, str]],
        controlling: bool,
        on_selected: Callable[[tuple[str, int], Wire], None],
        judge: Callable[[str], bool],
        seat: Seat | None = None,
    ) -> None:
        super().__init__(ice_controlling=controlling, local_username=seat.name if seat else None)
        self._seat = seat
        self._wires = {
            sock: IceSocket(self, sock, host_candidate(sock, advertised, rank))
            for rank, (sock, advertised) in enumerate(places)
        }
        self.candidates = [wire.local_candidate for wire in self._wires.values()]
        self.candidate = self.candidates[0]
        self.consent_at = clock.monotonic()
        self.stun_rtt: float | None = None
        self._judge = judge
        self._answered: set[str] = set()  # addresses a check has succeeded with
        self._nominated_at: set[tuple[str, int]] = set()  # far ends of pairs, by whoever
        self._unanswered: Counter[str] = Counter()  # checks sent to the others
        self._allowance = 0  # bytes that may still be sent to them
        self._consents: dict[bytes, float] = {}  # transaction -> when it was sent
        self._doubted_at = 0.0  # when it was last asked whether it is still where we send
        self._protocols = list(self._wires.values())
        self._local_candidates = list(self.candidates)
        self._local_candidates_start = self._local_candidates_end = True
        self._on_selected = on_selected

    @property
    def candidate_lines(self) -> list[str]:
        return [candidate.to_sdp() for candidate in self.candidates]

    def set_remote(self, user: str, password: str, lite: bool) -> None:
        self.remote_username, self.remote_password, self.remote_is_lite = user, password, lite
        if lite and not self.ice_controlling:
            self.ice_controlling = True  # RFC 8445 section 6.1.1: the full agent controls a lite one

    def feed(self, data: bytes, addr: tuple[Any, ...], sock: Wire) -> None:
        """One datagram that looks like STUN, from anyone, to one of our sockets. Never raises."""
        sent = self._consents.get(stun.transaction_of(data) or b"")
        if sent is not None:
            self._consent_answered(data, sent)
            return
        try:
            self._wires[sock].datagram_received(data, addr)
        except Exception:  # a parser not written for hostile input raises many classes
            return

    def data_received(self, data: bytes, component: int) -> None:
        """Not STUN after all: dropped. Media never comes this way."""

    def request_received(
        self, message: aioice_stun.Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        # A check answered before the remote description is known makes Chrome end its gathering early.
        if self.remote_password is None:
            return
        known = any((c._network_host, c.port) == addr for c in self._remote_candidates)
        if not known and not self._may_learn(addr[0]):
            return
        super().request_received(message, addr, protocol)

    def check_incoming(
        self, message: aioice_stun.Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        """A check that has our password: who sent it may be asked back."""
        self._unanswered[addr[0]] = max(0, self._unanswered[addr[0]] - 1)
        # Three times the check less the answer that it got, which is no longer than the check.
        self._allowance += (AMPLIFICATION - 1) * len(bytes(message))
        if "USE-CANDIDATE" in message.attributes and len(self._nominated_at) < MAX_PAIRS:
            self._nominated_at.add(addr[:2])
        self._heard(addr, protocol, proven=False)
        super().check_incoming(message, addr, protocol)
        chosen = self._nominated.get(1)
        if chosen is not None and addr[:2] != chosen.remote_addr[:2]:
            self._doubt(next((pair for pair in self._check_list if pair.remote_addr[:2] == addr[:2]), chosen))

    def _heard(self, address: tuple[str, int], protocol: StunProtocol, *, proven: bool) -> None:
        if self._seat is not None:
            self._seat.heard(address, cast(IceSocket, protocol).sock, proven=proven)

    def build_request(self, pair: CandidatePair, nominate: bool) -> aioice_stun.Message:
        request = super().build_request(pair, nominate)
        request.transaction_id = self._new_transaction()
        return request

    def _new_transaction(self) -> bytes:
        """12 bytes; the answer bears them and the password, and is found by how they begin."""
        tag = self._seat.tag if self._seat is not None else b""
        return tag + secrets.token_bytes(12 - len(tag))

    def check_complete(self, pair: CandidatePair) -> None:
        if pair.state == CandidatePair.State.SUCCEEDED:
            self._answered.add(pair.remote_addr[0])
            self._heard(pair.remote_addr, pair.protocol, proven=True)
            if pair.nominated and len(self._nominated_at) < MAX_PAIRS:
                self._nominated_at.add(pair.remote_addr[:2])
        before, alive = self._nominated.get(1), clock.monotonic() - self.consent_at < UDP_KEPT
        super().check_complete(pair)
        chosen = self._nominated.get(1)
        if chosen is None or pair.state != CandidatePair.State.SUCCEEDED:
            return
        if chosen is not pair:
            self._doubt(pair)
        elif before is not None and alive and self._stays(before, chosen):
            self._nominated[1] = before
        else:
            self._select(pair)

    def _select(self, pair: CandidatePair) -> None:
        self.consent_at = clock.monotonic()
        self._on_selected(pair.remote_addr, cast(IceSocket, pair.protocol).sock)

    def _doubt(self, pair: CandidatePair) -> None:
        """The far end has our password and shows itself at a pair that was not nominated. Where it is still
        at the selected one, it answers there; else a NAT has given it another port, which it does not know
        and so cannot nominate."""
        now, chosen = clock.monotonic(), self._nominated.get(1)
        if chosen is None or pair is chosen or pair.state != CandidatePair.State.SUCCEEDED:
            return
        if now - self._doubted_at < 2 * DOUBT_SECONDS or (_is_tcp(pair) and not _is_tcp(chosen)):
            return
        self._doubted_at = now
        self.query_consent_now()
        loop = asyncio.get_running_loop()
        loop.call_later(DOUBT_SECONDS / 2, self.query_consent_now)
        loop.call_later(DOUBT_SECONDS, self._follow, pair, now)

    def _follow(self, pair: CandidatePair, asked: float) -> None:
        """Move to that pair, unless the far end has answered at the selected one."""
        if self.consent_at >= asked or self._closing:
            return
        pair.nominated = True
        self._nominated[1] = pair
        if len(self._nominated_at) < MAX_PAIRS:
            self._nominated_at.add(pair.remote_addr[:2])
        self._select(pair)

    def _stays(self, before: CandidatePair, chosen: CandidatePair) -> bool:
        """Whether a pair that works is kept when another is nominated: some nominate every pair that works,
        as we do ourselves, and the best of them counts (RFC 5245 section 8.1.1.2)."""
        if self.ice_controlling:
            return _rank(before) >= _rank(chosen)
        return _is_tcp(chosen) and not _is_tcp(before)

    def heard(self, size: int) -> None:
        """The other side has sent so many bytes to bring this agent up: a description, a candidate."""
        self._allowance += AMPLIFICATION * size

    async def add_remote_line(self, line: str) -> None:
        """Add one candidate that passed the gate."""
        if len(self._remote_candidates) >= MAX_PAIRS or self._closing:
            return
        candidate = Candidate.from_sdp(line)
        # One spelling for each address, or its candidates would be counted apart.
        candidate.host = candidate._network_host = str(ipaddress.ip_address(candidate.host))
        if not self._too_many_at(candidate.host):
            if self._seat is not None:
                self._seat.told(candidate.host, candidate.port)
            await self.add_remote_candidate(candidate)

    def may_send_from(self, address: tuple[Any, ...]) -> bool:
        """Whether a pair there was nominated: by the other side, in a check with our password, or by us, and
        it has answered. Where several are, the other side may send over one that we have not selected
        (RFC 8445 sections 8.1.1 and 12.2)."""
        return address[:2] in self._nominated_at

    def has_answered(self, address: str) -> bool:
        return address in self._answered

    def may_check(self, address: str, size: int) -> bool:
        """Whether one more check of so many bytes may be sent to that address; it is counted."""
        if address in self._answered:
            return True
        if self._unanswered[address] >= MAX_UNANSWERED or self._allowance < size:
            return False
        self._unanswered[address] += 1
        self._allowance -= size
        return True

    def _may_learn(self, address: str) -> bool:
        """Whether a datagram's source may become a peer-reflexive candidate."""
        few = len(self._check_list) < MAX_PAIRS and not self._too_many_at(address, "prflx")
        return few and self._judge(address)

    def _too_many_at(self, address: str, kind: str = "") -> bool:
        """Whether an address that has not answered has its candidates (of that kind) already."""
        if address in self._answered:
            return False
        at = [c for c in self._remote_candidates if c._network_host == address and kind in ("", c.type)]
        return len(at) >= MAX_AT_ONE_ADDRESS

    async def connect(self) -> None:
        """Check pairs until one is nominated. Never fails by itself: the caller sets the deadline.

        Peer-reflexive candidates may come at any time, so running out of known pairs is no failure.
        """
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        self._unfreeze_initial()
        for early in self._early_checks:
            self.check_incoming(*early)
        self._early_checks.clear()
        self._early_checks_done = True
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def pace() -> None:
            nonlocal timer
            if self._check_periodic():
                timer = loop.call_later(CHECK_PACE, pace)

        pace()
        try:
            if await self._check_list_state.get() != ICE_COMPLETED:
                raise ConnectionError("ICE was closed")
        finally:
            if timer is not None:
                timer.cancel()
        for pair in self._check_list:
            if pair.task:
                pair.task.cancel()

    def query_consent_now(self) -> None:
        """Send one consent check on the selected pair (RFC 7675); its answer renews `consent_at`."""
        pair = self._nominated.get(1)
        if pair is None or self.remote_password is None:
            return
        transaction = self._new_transaction()
        self._consents[transaction] = clock.monotonic()
        while len(self._consents) > 4:
            del self._consents[next(iter(self._consents))]
        request = stun.consent_request(
            transaction,
            f"{self.remote_username}:{self.local_username}",
            CONSENT_PRIORITY,
            self.ice_controlling,
            self._tie_breaker,
            self.remote_password.encode(),
        )
        cast(IceSocket, pair.protocol).sendto(request, pair.remote_addr)

    def _consent_answered(self, data: bytes, sent: float) -> None:
        if self.remote_password is not None and stun.authentic(data, self.remote_password.encode()):
            now = clock.monotonic()
            self.consent_at = now
            self.stun_rtt = now - sent
            self._consents.clear()
            pair = self._nominated.get(1)
            if pair is not None:
                self._heard(pair.remote_addr, pair.protocol, proven=True)
