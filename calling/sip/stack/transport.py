"""Sockets of the SIP edge: UDP, TCP and TLS, incoming and outgoing, one address each, and browsers' flows.

Messages leave as octets with a `Hop` and arrive as octets with the Hop they came from, so an answer
goes back the way the question came (symmetric signalling, RFC 3581, connection reuse). What must not
live here: parsing beyond framing, and any knowledge of calls.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

from calling.sip.stack.stream_parser import StreamError, StreamFramer
from calling.sip.stack.transaction import Hop
from calling.sip.stack.websocket import MAX_PREFACE, PREFACE, WebSocketFlow

log = logging.getLogger(__name__)

CONNECT_SECONDS = CLOSE_SECONDS = 4.0
EVERYWHERE = "::"  # taken as two sockets, so that an IPv4 phone is known by its IPv4 address
PORT_TRIES = 20  # where any port will do: the one TCP was given may be somebody's for UDP
IDLE_SECONDS = 900.0
FIRST_MESSAGE_SECONDS = 10.0
MAX_STREAMS = 4000
MAX_STREAMS_PER_SOURCE = 100
MAX_UNSENT = 1_000_000

Receive = Callable[[bytes, Hop], None]
Unframed = Callable[[StreamError, Hop], None]
Admit = Callable[[str], bool]
OpenFlow = Callable[[str], Hop | None]
FlowLost = Callable[[Hop, int], None]
Tap = Callable[[bytes, Hop, bool], None]


def _places(host: str) -> tuple[str, ...]:
    """What is bound for an address to listen on."""
    return (EVERYWHERE, "0.0.0.0") if host == EVERYWHERE else (host,)


def _datagrams(host: str, port: int) -> socket.socket:
    """A UDP socket of one IP version."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def no_flows(proof: str) -> Hop | None:
    """No web process may bring browsers."""
    return None


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, receive: Receive, admit: Admit) -> None:
        self._receive, self._admit = receive, admit
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if len(data) < 20 or not self._admit(addr[0]):
            return
        self._receive(data, Hop("UDP", addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        log.debug("udp error: %s", exc)

    def send(self, data: bytes, hop: Hop) -> None:
        if self.transport is not None:
            self.transport.sendto(data, (hop.host, hop.port))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class _Stream(asyncio.Protocol):
    def __init__(self, owner: SipTransport, kind: str, name: str = "") -> None:
        self._owner, self._kind, self._name = owner, kind, name
        self._framer = StreamFramer()
        self._watch: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.hop: Hop | None = None
        self._head: bytes | None = b"" if kind == "TCP" and not name else None  # until it is no preface

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self.hop = Hop(self._kind, peer[0], peer[1], self._name)
        if not self._owner._joined(self):
            transport.abort()
            return
        self._expect(IDLE_SECONDS if self._name else FIRST_MESSAGE_SECONDS)

    def _expect(self, seconds: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        assert self.transport is not None
        self._watch = asyncio.get_running_loop().call_later(seconds, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None and self.hop is not None
        if self._head is not None:
            data, self._head = self._head + data, None
            if PREFACE.startswith(data[: len(PREFACE)]):
                self._begin_flow(data)
                return
        messages = self._framer.feed(data)
        for _ in range(min(self._framer.pings, 1)):
            self.transport.write(b"\r\n")
        if messages or self._framer.pings:
            self._expect(IDLE_SECONDS)
        self._framer.pings = 0
        for message in messages:
            if self._owner.admit(self.hop.host):
                self._owner.receive(message, self.hop)
        if (fault := self._framer.fault) is not None and not self.transport.is_closing():
            log.info("closing a %s stream: %s", self._kind, fault)
            if self._owner.admit(self.hop.host):
                self._owner.unframed(fault, self.hop)
            self.transport.close()
            self._expect(CLOSE_SECONDS)

    def _begin_flow(self, data: bytes) -> None:
        """A web process brings a browser: the preface is read, then frames."""
        assert self.transport is not None
        line, end, rest = data.partition(b"\r\n")
        if not end and len(data) <= MAX_PREFACE:
            self._head = data
            return
        flow = self._owner.begin_flow(line[len(PREFACE) :], self.transport) if end else None
        if flow is None:
            self.transport.abort()
            return
        self.connection_lost(None)
        self.transport.set_protocol(flow)
        if rest:
            flow.data_received(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._owner._left(self)


class SipTransport:
    """All sockets of one edge process.

    receive(data, hop) is called for each message; admit(source) says first whether a source may
    send at all (flood limits before anything is parsed). unframed(fault, hop) is told of the message at which
    a stream cannot be followed any further, before its connection is closed.
    """

    def __init__(self, receive: Receive, admit: Admit, unframed: Unframed) -> None:
        self._receive, self.admit, self._unframed = receive, admit, unframed
        self.tap: Tap | None = None  # is shown every message, and whether it was sent; must not raise
        self._open_flow: OpenFlow = no_flows
        self._flow_lost: FlowLost | None = None
        self._flows: dict[str, WebSocketFlow] = {}
        self.local: dict[str, tuple[str, int]] = {}
        self._udp: dict[bool, _Udp] = {}  # by whether it is one of IPv6
        self._servers: list[asyncio.Server] = []
        self._streams: dict[tuple[str, str, int], _Stream] = {}
        self._opening: dict[tuple[str, str, int, str], asyncio.Task[_Stream]] = {}
        self._client_context: ssl.SSLContext | None = None

    async def listen(
        self,
        host: str,
        port: int,
        *,
        tls_port: int | None = None,
        server_context: ssl.SSLContext | None = None,
        client_context: ssl.SSLContext | None = None,
    ) -> None:
        """Open UDP and TCP on `port` (0 picks one for both) and TLS on `tls_port` if there is a context."""
        self._client_context = client_context
        tries = 1 if port else PORT_TRIES
        while True:
            tries -= 1
            try:
                port = await self._listen_both(host, port)
                break
            except OSError:
                if not tries:
                    raise
        self.local = {"UDP": (host, port), "TCP": (host, port)}
        if server_context is not None and tls_port is not None:
            await self.listen_secure(host, tls_port, server_context)

    async def _listen_both(self, host: str, port: int) -> int:
        """TCP, and UDP on the same number; OSError where somebody has either."""
        loop = asyncio.get_running_loop()
        servers: list[asyncio.Server] = []
        found: dict[bool, _Udp] = {}
        try:
            for each in _places(host):
                servers.append(await loop.create_server(lambda: _Stream(self, "TCP"), each, port))
                port = servers[-1].sockets[0].getsockname()[1]
                _, udp = await loop.create_datagram_endpoint(
                    lambda: _Udp(self.receive, self.admit), sock=_datagrams(each, port)
                )
                found[":" in each] = udp
        except OSError:
            for server in servers:
                server.close()
            for udp in found.values():
                udp.close()
            raise
        self._servers += servers
        self._udp = found
        return port

    async def listen_secure(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Open TLS on a port (0 picks one)."""
        loop = asyncio.get_running_loop()
        for each in _places(host):
            secure = await loop.create_server(
                lambda: _Stream(self, "TLS"), each, port, ssl=context, ssl_handshake_timeout=CONNECT_SECONDS
            )
            self._servers.append(secure)
            port = secure.sockets[0].getsockname()[1]
        self.local["TLS"] = (host, port)

    # --- browsers' flows

    def accept_flows(self, opens: OpenFlow, lost: FlowLost) -> None:
        """Let web processes bring browsers. opens(proof) says where one is, or None for a proof that is none;
        lost(hop, code) is called when its flow ends."""
        self._open_flow, self._flow_lost = opens, lost

    def begin_flow(self, proof: bytes, transport: asyncio.Transport) -> WebSocketFlow | None:
        """The flow that a preface opens; None for a wrong one, and for too many of one browser's address."""
        hop = self._open_flow(proof.decode("ascii", "replace"))
        if hop is None or hop.name in self._flows or len(self._flows) >= MAX_STREAMS:
            return None
        same = sum(1 for each in self._flows.values() if each.hop.host == hop.host)
        if same >= MAX_STREAMS_PER_SOURCE:
            return None
        flow = self._flows[hop.name] = WebSocketFlow(self, transport, hop)
        return flow

    def flow_heard(self, data: bytes, hop: Hop) -> None:
        if self.admit(hop.host):
            self.receive(data, hop)

    def flow_left(self, flow: WebSocketFlow, code: int) -> None:
        if self._flows.pop(flow.hop.name, None) is not None and self._flow_lost is not None:
            self._flow_lost(flow.hop, code)

    def known(self, hop: Hop) -> None:
        """Who is there has proved who it is."""
        if (flow := self._flows.get(hop.name)) is not None:
            flow.known()

    def has_flow(self, name: str) -> bool:
        return name in self._flows

    def receive(self, data: bytes, hop: Hop) -> None:
        if self.tap is not None:
            self.tap(data, hop, False)
        self._receive(data, hop)

    def unframed(self, fault: StreamError, hop: Hop) -> None:
        if self.tap is not None and fault.head:
            self.tap(fault.head, hop, False)
        self._unframed(fault, hop)

    def send(self, data: bytes, hop: Hop) -> bool:
        """Send now if a socket is there; False means: open one with `connect` first."""
        sent = self._put(data, hop)
        if sent and self.tap is not None:
            self.tap(data, hop, True)
        return sent

    def local_of(self, hop: Hop) -> tuple[str, int] | None:
        """Our end of what joins us with `hop`: of a stream its own, else where we listen. None over a
        WebSocket, whose end is in a web process."""
        if hop.websocket:
            return None
        stream = self._streams.get((hop.transport, hop.host, hop.port))
        if stream is not None and stream.transport is not None:
            name = stream.transport.get_extra_info("sockname")
            return (name[0], name[1]) if name else None
        return self.local.get(hop.transport)

    def _put(self, data: bytes, hop: Hop) -> bool:
        if hop.websocket:
            flow = self._flows.get(hop.name)
            return flow is not None and flow.send(data)
        if hop.transport == "UDP":
            if not self._udp:
                return False
            fits = self._udp.get(":" in hop.host) or next(iter(self._udp.values()))
            fits.send(data, hop)
            return True
        stream = self._streams.get((hop.transport, hop.host, hop.port))
        if stream is None or stream.transport is None or stream.transport.is_closing():
            return False
        if hop.transport == "TLS" and hop.name and stream.hop is not None and stream.hop.name != hop.name:
            # A connection verified for one name is not used for another (CVE-2020-15260).
            return False
        if stream.transport.get_write_buffer_size() > MAX_UNSENT:
            stream.transport.abort()
            return False
        stream.transport.write(data)
        return True

    async def connect(self, hop: Hop) -> None:
        """Open a stream to `hop`. Raises OSError (also for TLS failures) within 4 s."""
        if hop.websocket:
            raise OSError("the flow is over")
        key = (hop.transport, hop.host, hop.port, hop.name)
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.create_task(self._open(hop))
            task.add_done_callback(lambda _: self._opening.pop(key, None))
        await asyncio.shield(task)

    async def _open(self, hop: Hop) -> _Stream:
        context: ssl.SSLContext | None = None
        if hop.transport == "TLS":
            if self._client_context is None:
                raise OSError("TLS is not configured")
            context = self._client_context
        loop = asyncio.get_running_loop()
        name = hop.name or hop.host
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, protocol = await loop.create_connection(
                    lambda: _Stream(self, hop.transport, name),
                    hop.host,
                    hop.port,
                    ssl=context,
                    server_hostname=name if context else None,
                )
        except (TimeoutError, ssl.SSLError) as error:
            raise OSError(f"cannot connect: {error}") from error
        return protocol

    def _joined(self, stream: _Stream) -> bool:
        hop = stream.hop
        assert hop is not None
        same = sum(1 for key in self._streams if key[1] == hop.host) if len(self._streams) > 50 else 0
        if len(self._streams) >= MAX_STREAMS or same >= MAX_STREAMS_PER_SOURCE:
            return False
        self._streams[hop.transport, hop.host, hop.port] = stream
        return True

    def _left(self, stream: _Stream) -> None:
        if stream.hop is not None:
            key = (stream.hop.transport, stream.hop.host, stream.hop.port)
            if self._streams.get(key) is stream:
                del self._streams[key]

    async def close(self) -> None:
        """Close every socket."""
        for server in self._servers:
            server.close()
        for stream in list(self._streams.values()):
            if stream.transport is not None:
                stream.transport.abort()
        self._flow_lost = None
        for flow in list(self._flows.values()):
            flow.abort()
        for udp in self._udp.values():
            udp.close()
        await asyncio.sleep(0)
