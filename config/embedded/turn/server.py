"""Who is asking, may they, and to which allocation it goes: over UDP, and over the streams of `stream.py`."""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
from typing import Any, cast

from aioice import stun

import clock
from config.embedded.turn import credentials, wire
from config.embedded.turn.allocation import Allocation, Reach
from config.embedded.turn.stream import Client, Doors

_UDP = 0x11000000
_SWEEP_SECONDS = 5.0
logger = logging.getLogger(__name__)


class Refused(Exception):
    """A STUN error to answer with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TurnServer(asyncio.DatagramProtocol):
    """One UDP socket and the streams of `doors`. `per_user` and `total` bound the allocations at one time."""

    def __init__(
        self, secret: str, realm: str, reach: Reach, *, per_user: int = 100, total: int = 4000
    ) -> None:
        self.secret = secret
        self.realm = realm
        self.reach = reach
        self.per_user = per_user
        self.total = total
        self.allocations: dict[Client, Allocation] = {}
        self.doors = Doors()
        self._opening: set[Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: dict[int, asyncio.DatagramTransport] = {}  # by address family
        self._sweeper: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        family = transport.get_extra_info("socket").family
        self._transports[family] = cast(asyncio.DatagramTransport, transport)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for allocation in self.allocations.values():
            allocation.close()
        self.allocations.clear()

    def gone(self, client: Client) -> None:
        """A stream has ended, and its allocation with it."""
        allocation = self.allocations.pop(client, None)
        if allocation is not None:
            allocation.close()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.receive(data, (str(addr[0]), int(addr[1]), "udp"))

    def receive(self, data: bytes, client: Client) -> None:
        """One STUN message or ChannelData of a client."""
        if wire.is_channel_data(data):
            allocation = self._living(client)
            parsed = wire.read_channel_data(data)
            if allocation is not None and parsed is not None:
                allocation.send_on_channel(*parsed)
            return
        message = wire.parse(data)
        if message is None:
            return
        if message.message_class == stun.Class.REQUEST:
            self._request(message, data, client)
        elif message.message_class == stun.Class.INDICATION and message.message_method == stun.Method.SEND:
            allocation = self._living(client)
            peer, payload = message.attributes.get("XOR-PEER-ADDRESS"), message.attributes.get("DATA")
            if allocation is not None and peer is not None and payload is not None:
                allocation.send(peer, payload)

    def error_received(self, exc: Exception) -> None:
        """A client that is gone: its allocation ends by its lifetime."""

    def _send(self, data: bytes, client: Client) -> None:
        if client[2] == "tcp":
            stream = self.doors.open.get(client)
            if stream is not None:
                stream.send(data)
            return
        transport = self._transports.get(socket.AF_INET6 if ":" in client[0] else socket.AF_INET)
        if transport is not None and not transport.is_closing():
            transport.sendto(data, client[:2])

    def close(self) -> None:
        """Ends the UDP sockets, and with them every allocation."""
        for transport in self._transports.values():
            transport.close()

    def _request(self, request: stun.Message, datagram: bytes, client: Client) -> None:
        unknown = wire.unknown_attributes(datagram)
        if unknown:
            self._send(wire.unknown_attribute_error(request, unknown), client)
            return
        if request.message_method == stun.Method.BINDING:
            answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = client[:2]
            if "FINGERPRINT" in request.attributes:
                answer.add_fingerprint()
            self._send(bytes(answer), client)
            return
        key: bytes | None = None
        try:
            key = self._authenticate(request, client)
            self._act(request, datagram, client, key)
        except Refused as refused:
            self._refuse(request, client, key, refused)

    def _authenticate(self, request: stun.Message, client: Client) -> bytes:
        """The integrity key of who asks (RFC 8489 section 9.2.4). Raises Refused 401, 438 or 400."""
        given = request.attributes
        if "MESSAGE-INTEGRITY" not in given:
            raise Refused(401, "Unauthorized")
        if not {"USERNAME", "REALM", "NONCE"} <= set(given):
            raise Refused(400, "Bad Request")
        if not credentials.nonce_is_fresh(self.secret, client[:2], given["NONCE"], clock.time()):
            raise Refused(438, "Stale Nonce")
        username: str = given["USERNAME"]
        ends = credentials.expiry(username)
        key = credentials.integrity_key(self.secret, username, self.realm)
        if ends is None or given["REALM"] != self.realm or not request.check_message_integrity(key):
            raise Refused(401, "Unauthorized")
        # A call that began in time may go on with what it has; only a new allocation needs a valid username.
        if ends <= clock.time() and client not in self.allocations:
            raise Refused(401, "Unauthorized")
        return key

    def _act(self, request: stun.Message, datagram: bytes, client: Client, key: bytes) -> None:
        username: str = request.attributes["USERNAME"]
        method = request.message_method
        allocation = self._living(client)
        if method == stun.Method.ALLOCATE:
            self._allocate(request, client, key, username, allocation)
            return
        if allocation is None:
            raise Refused(437, "Allocation Mismatch")
        if not hmac.compare_digest(allocation.username.encode(), username.encode()):
            raise Refused(441, "Wrong Credentials")
        attributes: dict[str, Any] = {}
        if method == stun.Method.REFRESH:
            asked = request.attributes.get("LIFETIME")
            attributes["LIFETIME"] = 0 if asked == 0 else allocation.extend(asked)
            if asked == 0:
                self.allocations.pop(client).close()
        elif method == stun.Method.CREATE_PERMISSION:
            self._permit(allocation, datagram)
        elif method == stun.Method.CHANNEL_BIND:
            self._bind(allocation, request)
        else:
            raise Refused(400, "Bad Request")
        self._send(self._success(request, key, attributes), client)

    def _permit(self, allocation: Allocation, datagram: bytes) -> None:
        peers = wire.peer_addresses(datagram)
        if not peers:
            raise Refused(400, "Bad Request")
        if not all(self.reach.allows_host(host) for host, _ in peers):
            raise Refused(403, "Forbidden")
        if not allocation.permit([host for host, _ in peers]):
            raise Refused(508, "Insufficient Capacity")

    def _bind(self, allocation: Allocation, request: stun.Message) -> None:
        number, peer = request.attributes.get("CHANNEL-NUMBER"), request.attributes.get("XOR-PEER-ADDRESS")
        if number is None or number not in wire.CHANNELS or peer is None:
            raise Refused(400, "Bad Request")
        if not self.reach.allows(peer):
            raise Refused(403, "Forbidden")
        if not allocation.bind_channel(number, peer):
            raise Refused(400, "Bad Request")

    def _allocate(
        self,
        request: stun.Message,
        client: Client,
        key: bytes,
        username: str,
        existing: Allocation | None,
    ) -> None:
        if existing is not None:
            if existing.first_answer is None or existing.first_answer[0] != request.transaction_id:
                raise Refused(437, "Allocation Mismatch")
            self._send(existing.first_answer[1], client)  # the answer was lost on its way
            return
        if client in self._opening:
            return
        if request.attributes.get("REQUESTED-TRANSPORT") != _UDP:
            raise Refused(442, "Unsupported Transport Protocol")
        mine = credentials.identity(username)
        held = sum(credentials.identity(a.username) == mine for a in self.allocations.values())
        if held + len(self._opening) >= self.per_user:
            raise Refused(486, "Allocation Quota Reached")
        if len(self.allocations) + len(self._opening) >= self.total:
            raise Refused(508, "Insufficient Capacity")
        self._opening.add(client)
        task = asyncio.get_running_loop().create_task(self._open(request, client, key, username))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, request: stun.Message, client: Client, key: bytes, username: str) -> None:
        allocation = Allocation(username, self.reach, lambda data: self._send(data, client))
        try:
            relayed = await allocation.open()
        except OSError as error:
            logger.error("no relay socket: %s", error)
            self._refuse(request, client, key, Refused(508, "Insufficient Capacity"))
            return
        finally:
            self._opening.discard(client)
        if client[2] == "tcp" and client not in self.doors.open:
            allocation.close()  # it hung up meanwhile
            return
        lifetime = allocation.extend(request.attributes.get("LIFETIME"))
        answer = self._success(
            request,
            key,
            {"XOR-RELAYED-ADDRESS": relayed, "XOR-MAPPED-ADDRESS": client[:2], "LIFETIME": lifetime},
        )
        allocation.first_answer = (request.transaction_id, answer)
        self.allocations[client] = allocation
        self._send(answer, client)

    def _success(self, request: stun.Message, key: bytes, attributes: dict[str, Any]) -> bytes:
        answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id, attributes)
        answer.add_message_integrity(key)
        return bytes(answer)

    def _refuse(self, request: stun.Message, client: Client, key: bytes | None, refused: Refused) -> None:
        answer = stun.Message(request.message_method, stun.Class.ERROR, request.transaction_id)
        answer.attributes["ERROR-CODE"] = (refused.code, refused.reason)
        if refused.code in (401, 438):
            answer.attributes["REALM"] = self.realm
            answer.attributes["NONCE"] = credentials.nonce(self.secret, client[:2], clock.time())
        if key is not None:
            answer.add_message_integrity(key)
        self._send(bytes(answer), client)

    def _living(self, client: Client) -> Allocation | None:
        allocation = self.allocations.get(client)
        if allocation is None or allocation.ends_at > clock.monotonic():
            return allocation
        self.allocations.pop(client).close()
        return None

    async def _sweep(self) -> None:
        """Allocations nobody refreshes end, and their sockets with them."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for client in list(self.allocations):
                self._living(client)
