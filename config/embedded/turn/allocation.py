"""One allocation: its relay socket, its permissions and channels, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from aioice import stun

import clock
from config.embedded.turn import wire

Address = tuple[str, int]
DEFAULT_LIFETIME = 600
LONGEST_LIFETIME = 3600
# However often it is refreshed: longer than the longest call (24 h).
OLDEST = 25 * 3600.0
_PERMISSION_LIFE = 300.0
_CHANNEL_LIFE = 600.0
_MOST_PERMISSIONS = 32
_MOST_CHANNELS = 32


@dataclass(frozen=True)
class Reach:
    """Whom relays may talk to: this instance's media address and ports, and nobody else.

    `inside` is the address media sockets are bound to, `advertised` what devices know them by (another one
    behind a 1:1 NAT). Devices ask for the advertised one; packets go to the inside one.
    """

    inside: str
    advertised: str
    ports: tuple[int, int]

    def allows_host(self, host: str) -> bool:
        return host in (self.advertised, self.inside)

    def allows(self, peer: Address) -> bool:
        return self.allows_host(peer[0]) and self.ports[0] <= peer[1] <= self.ports[1]

    def outgoing(self, peer: Address) -> Address:
        """Where a packet for `peer` really goes."""
        return (self.inside, peer[1])


class Allocation(asyncio.DatagramProtocol):
    """Relays between one client address and the media ports. `reply` sends a datagram to that client."""

    def __init__(self, username: str, reach: Reach, reply: Callable[[bytes], None]) -> None:
        self.username = username
        self.reach = reach
        self.reply = reply
        self.relayed: Address = (reach.inside, 0)
        self.made_at = clock.monotonic()
        self.ends_at = self.made_at + DEFAULT_LIFETIME
        self.first_answer: tuple[bytes, bytes] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._permissions: dict[str, float] = {}
        self._channels: dict[int, tuple[Address, float]] = {}
        self._by_peer: dict[Address, int] = {}

    async def open(self) -> Address:
        """Binds the relay socket; returns the relayed address. Raises OSError."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self.reach.inside, 0))
        return self.relayed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.relayed = transport.get_extra_info("sockname")[:2]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def extend(self, asked: int | None) -> int:
        """Takes a LIFETIME in seconds; returns the one granted (RFC 5766 section 6.2)."""
        granted = max(DEFAULT_LIFETIME, min(asked or 0, LONGEST_LIFETIME))
        now = clock.monotonic()
        granted = max(1, min(granted, int(self.made_at + OLDEST - now)))
        self.ends_at = now + granted
        return granted

    def permit(self, hosts: list[str]) -> bool:
        """Installs permissions for five minutes; False where there are too many."""
        now = clock.monotonic()
        self._permissions = {h: end for h, end in self._permissions.items() if end > now}
        if len({*self._permissions, *hosts}) > _MOST_PERMISSIONS:
            return False
        self._permissions.update(dict.fromkeys(hosts, now + _PERMISSION_LIFE))
        return True

    def bind_channel(self, number: int, peer: Address) -> bool:
        """Binds or refreshes a channel; False where number or peer are bound otherwise, or too many are."""
        now = clock.monotonic()
        for old, (address, end) in list(self._channels.items()):
            if end <= now:
                del self._channels[old]
                self._by_peer.pop(address, None)
        bound = self._channels.get(number)
        if (bound is not None and bound[0] != peer) or self._by_peer.get(peer, number) != number:
            return False
        if (bound is None and len(self._channels) >= _MOST_CHANNELS) or not self.permit([peer[0]]):
            return False
        self._channels[number] = (peer, now + _CHANNEL_LIFE)
        self._by_peer[peer] = number
        return True

    def send(self, peer: Address, payload: bytes) -> None:
        """From the client to the peer; silently nothing without a permission (RFC 5766 section 10.2)."""
        if self._transport is None or not self._permitted(peer[0]) or not self.reach.allows(peer):
            return
        self._transport.sendto(payload, self.reach.outgoing(peer))

    def send_on_channel(self, number: int, payload: bytes) -> None:
        bound = self._channels.get(number)
        if bound is not None and bound[1] > clock.monotonic():
            self.send(bound[0], payload)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """From a peer to the client, by channel where one is bound."""
        source = (str(addr[0]), int(addr[1]))
        if not self.reach.allows(source):
            return
        for peer in ((self.reach.advertised, source[1]), source):
            number = self._by_peer.get(peer)
            if number is not None and self._channels[number][1] > clock.monotonic():
                self.reply(wire.channel_data(number, data))
                return
        for peer in ((self.reach.advertised, source[1]), source):
            if self._permitted(peer[0]):
                indication = stun.Message(stun.Method.DATA, stun.Class.INDICATION)
                indication.attributes["XOR-PEER-ADDRESS"] = peer
                indication.attributes["DATA"] = data
                self.reply(bytes(indication))
                return

    def error_received(self, exc: Exception) -> None:
        """A peer's port that is closed already: the call's end, nothing to do."""

    def _permitted(self, host: str) -> bool:
        return self._permissions.get(host, 0.0) > clock.monotonic()
