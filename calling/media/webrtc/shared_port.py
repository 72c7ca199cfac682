"""One UDP port of a media worker for all its WebRTC legs, at each address that media stand at.

Reads the sockets in turns, one datagram of each that has some, and hands each to the path that it belongs to
(`sorter.py`). All legs use one buffer: a packet is done with before the next is read. What is nobody's is
counted and gets no answer. Plain RTP has no user fragment to be sorted by and keeps its own ports.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import select
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import clock
from calling.media import stun
from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.loop.forwarder import Forwarder, opened
from calling.media.rtp import udp_ports
from calling.media.rtp.transport import Hop
from calling.media.webrtc.ice_tcp import TcpDoor
from calling.media.webrtc.sorter import CHOSEN, HEARD, PROVEN, Address, Member, Sorter, spelled

if TYPE_CHECKING:
    from calling.media.aiortc_private.ice import IceAgent, Wire
    from calling.media.rtp.config import MediaConfig

log = logging.getLogger(__name__)
Read = Callable[[memoryview], tuple[int, Address]]
BUDGET = 64  # datagrams between two looks at the loop's timers and other sockets


class Path(Member, Protocol):
    """One ICE agent of a leg and what is to be done with its datagrams."""

    agent: IceAgent

    def wire(self, number: int) -> Wire | None:
        """The socket from which it sends at that place."""

    def datagram(self, size: int, address: Address) -> None:
        """One that is not STUN, in the port's buffer, from an address that the agent has heard from."""


class Place:
    """The sockets of one address, and how others know it. What came over TCP is numbered apart."""

    def __init__(self, number: int, advertised: str, socks: list[socket.socket]) -> None:
        self.number, self.advertised, self.socks = number, advertised, socks
        self.port: int = socks[0].getsockname()[1]
        self.door: TcpDoor | None = None
        self.door_number = -1


class SharedPort:
    """The port of one loop. It is open while a leg or the worker itself holds it."""

    def __init__(self, config: MediaConfig) -> None:
        self.config = config
        self.buffer = PacketBuffer()
        self.sorter: Sorter[Path] = Sorter()
        self.places: list[Place] = []
        # The thread that reads the sockets in place of this loop, None where Python does all.
        self.forwarder: Forwarder[Path] | None = None
        self._port: int | None = None
        # The sockets that have something, in one call for all of them: as many reads as datagrams, and no
        # read in vain. A flood fills one socket (one far address, one socket) and gets one read of a round.
        self._ready = select.epoll()
        self._reads: dict[int, tuple[Read, int]] = {}
        self._holders = 0
        self._seated = 0
        self._loop = asyncio.get_running_loop()

    # --- who holds it

    def hold(self) -> None:
        """Open the port, if it is not; raises NoPort, or another OSError where the first address has gone."""
        self._holders += 1
        try:
            self._open()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Undo one `hold`; after the last the sockets are closed."""
        self._holders -= 1
        if self._holders == 0:
            if self.forwarder is not None:
                self._loop.remove_reader(self.forwarder.wake)
                self.forwarder.close()
                self.forwarder = None
            self._loop.remove_reader(self._ready.fileno())
            self._ready.close()
            for place in self.places:
                for sock in place.socks:
                    sock.close()
                if place.door is not None:
                    place.door.close()
            self._reads.clear()
            self.places.clear()
            self.sorter = Sorter()

    def _open(self) -> None:
        """Open what is not open yet: an address may have come back."""
        if not self.places:
            self._ready.close()
            self._ready = select.epoll()
            self._loop.add_reader(self._ready.fileno(), self._readable)
            self.forwarder = opened(self.config.loop)
            if self.forwarder is not None:
                self._loop.add_reader(self.forwarder.wake, self._waiting)
        standing = {place.advertised for place in self.places}
        for host, advertised in self.config.places:
            if advertised in standing:
                continue
            try:
                socks = udp_ports.bind_shared(self.config, host, self._port)
            except OSError:
                if not self.places:
                    raise
                continue
            place = Place(self.sorter.add_place(), advertised, socks)
            self._port = self._port or place.port
            self.places.append(place)
            for sock in socks:
                if self.forwarder is not None:
                    self.forwarder.read(sock, place.number)
                    continue
                self._reads[sock.fileno()] = sock.recvfrom_into, place.number
                self._ready.register(sock.fileno(), select.EPOLLIN)
            with contextlib.suppress(OSError):  # somebody's TCP port has that number: UDP alone, then
                self._open_door(place, host)

    def _open_door(self, place: Place, host: str) -> None:
        """Listen for TCP on the same number."""
        number = self.sorter.add_place()

        def take(frame: memoryview, address: Address) -> None:
            size = len(frame)
            self.buffer.view[:size] = frame
            self._take(size, address, number)

        def known(address: Address) -> bool:
            return address in self.sorter.routes[number]

        place.door, place.door_number = TcpDoor(host, place.port, take, known), number

    # --- legs

    def seat(self, path: Path, *, tcp: bool) -> SharedSeat:
        """A seat for a path, which is admitted; to be given up with `leave`. tcp: also where TCP comes in."""
        self.hold()
        self._seated += 1
        return SharedSeat(self, path, self._seated, tcp)

    def spoken_for(self, candidates: Iterable[tuple[str, int]]) -> bool:
        """Whether a far end that names those addresses could not be told by its address: it is this port
        itself, or it has one port for several legs as we do."""
        ours = {(place.advertised, place.port) for place in self.places}
        return any(each in ours or self.sorter.spoken_for(*each) for each in candidates)

    # --- datagrams

    def _readable(self) -> None:
        view, reads, routes = self.buffer.view, self._reads, self.sorter.routes
        left = BUDGET
        while left > 0:
            found = self._ready.poll(0)
            for descriptor, _ in found:
                read, number = reads[descriptor]
                try:
                    size, address = read(view)
                except OSError:
                    continue  # the kernel tells of what one far end refused; the others are not concerned
                path = routes[number].get(address)
                if path is not None and view[0] > 3:
                    path.datagram(size, address)
                else:
                    self._check(size, address, number)
            if len(found) < 2:
                return
            left -= len(found)

    def _waiting(self) -> None:
        """Datagrams that the forwarding loop has left to Python."""
        forwarder, view = self.forwarder, self.buffer.view
        for _ in range(BUDGET):
            if forwarder is None:
                return
            size, path = forwarder.take(self.buffer)
            if size < 0:
                return
            if path is not None and view[0] > 3:
                path[0].datagram(size, path[1])
            else:
                number, address = forwarder.source()
                self._take(size, address, number)

    def _take(self, size: int, address: Address, number: int) -> None:
        """One datagram in the buffer."""
        path = self.sorter.routes[number].get(address)
        if path is not None and self.buffer.view[0] > 3:
            path.datagram(size, address)
        else:
            self._check(size, address, number)

    def _check(self, size: int, address: Address, number: int) -> None:
        """Not of an address that is known: a check, an answer to one, or a stranger's."""
        sorter = self.sorter
        if size < stun.HEADER or self.buffer.view[0] > 1:
            sorter.strangers += 1
            return
        path = sorter.of_stun(self.buffer.view, size)
        wire = path.wire(number) if path is not None else None
        if path is None or wire is None:
            sorter.strangers += 1
            return
        data = bytes(self.buffer.view[:size])
        # Who has the name and not the password is a stranger too; nothing is answered to him.
        if data[0] == 0 and not stun.authentic(data, path.agent.local_password.encode()):
            sorter.strangers += 1
            return
        path.agent.feed(data, address, wire)


class SharedSeat:
    """The place of one path at the shared port; see aiortc_private.ice.Seat."""

    def __init__(self, shared: SharedPort, path: Path, turn: int, tcp: bool) -> None:
        self.shared, self.path = shared, path
        self.name, self.tag = shared.sorter.free_name(), shared.sorter.free_tag()
        # Each leg sends from another of the sockets: their buffers are limited as those for receiving are.
        self.wires: dict[int, Wire] = {}  # by the number of the place
        self.places: list[tuple[Wire, str]] = []
        for place in shared.places:
            self._add(place.number, place.socks[turn % len(place.socks)], place.advertised)
        for place in shared.places:
            if tcp and place.door is not None:
                self._add(place.door_number, place.door, place.advertised)
        self._numbers = {wire: number for number, wire in self.wires.items()}
        self._left = False
        shared.sorter.admit(path, self.name, self.tag)

    def _add(self, number: int, wire: Wire, advertised: str) -> None:
        self.wires[number] = wire
        self.places.append((wire, advertised))

    def told(self, host: str, port: int) -> None:
        self.shared.sorter.told(self.path, host, port)

    def heard(self, address: tuple[str, int], sock: Wire, *, proven: bool) -> None:
        self._claim(address, sock, PROVEN if proven else HEARD)

    def chosen(self, address: tuple[str, int], sock: Wire) -> None:
        """The pair was selected."""
        self._claim(address, sock, CHOSEN)

    def _claim(self, address: tuple[str, int], sock: Wire, strength: int) -> None:
        at, number, sorter = spelled(*address[:2]), self._numbers[sock], self.shared.sorter
        before = sorter.routes[number].get(at)
        sorter.claim(self.path, number, at, strength, clock.monotonic())
        if self.shared.forwarder is not None:
            for path in {before, self.path}:
                self.shared.forwarder.check(path, sorter.routes)

    def settled(self, sock: Wire, remote: Address | None) -> None:
        """That pair was selected: what comes from there needs no search."""
        hop = self.hop(sock, remote)
        if hop is not None and self.shared.forwarder is not None:
            self.shared.forwarder.know(hop)

    def hop(self, sock: Wire, remote: Address | None) -> Hop | None:
        """The selected pair, where the forwarding loop can use it: this path has the address, and no TCP."""
        if remote is None or not isinstance(sock, socket.socket):
            return None
        number = self._numbers[sock]
        holds = self.shared.sorter.routes[number].get(remote) is self.path
        return Hop(sock, number, remote, self.path) if holds else None

    def quit(self) -> None:
        """Get no further datagram; what is still sent goes out."""
        if self.shared.forwarder is not None:
            self.shared.forwarder.leave(self.path)
        self.shared.sorter.drop(self.path, self.name, self.tag)

    def leave(self) -> None:
        """Send nothing more either."""
        if not self._left:
            self._left = True
            self.quit()
            self.shared.release()


def named_in(candidates: Iterable[str]) -> set[tuple[str, int]]:
    """The addresses of candidate lines that passed the gate, in one spelling."""
    words = (line.split() for line in candidates)
    return {(str(ipaddress.ip_address(each[4])), int(each[5])) for each in words}


_ports: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[object, SharedPort]] = WeakKeyDictionary()


def of_this_loop(config: MediaConfig) -> SharedPort:
    """The running loop's port for legs that stand where the config says."""
    ports = _ports.setdefault(asyncio.get_running_loop(), {})
    key = (config.places, config.ports)
    if key not in ports:
        ports[key] = SharedPort(config)
    return ports[key]


def kept(config: MediaConfig) -> Callable[[], None]:
    """Keep the running loop's port, if legs are to share one: it stays the same between calls. Returns what
    gives it up."""
    if not config.mux:
        return lambda: None
    port = of_this_loop(config)
    try:
        port.hold()
    except OSError as error:  # each leg tries again
        log.warning("The media port cannot be opened", extra={"error": str(error)[:200]})
        return lambda: None
    log.info("WebRTC legs share a port", extra={"port": port.places[0].port})
    return port.release
