"""One ICE + DTLS association of a leg and the reader of its socket: where datagrams are sorted.

A datagram under 13 bytes is dropped; what is not STUN is taken from the selected pair's address only, and
from those that the device has nominated besides (docs/security.md#r1). Authentic RTP goes straight to its
RtpReceiveStream; nothing is queued and no task runs per packet. An ICE restart opens a second socket
and moves over when a pair on it is nominated; DTLS and SRTP go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from calling.media.aiortc_private import (
    DtlsEnd,
    DtlsPipe,
    IceAgent,
    unprotect,
)
from calling.media.rtp import rtcp, udp_ports
from calling.media.rtp.events import PeerFailed
from calling.media.rtp.header import FIELDS_AT
from calling.media.rtp.receiver import monotonic
from calling.media.rtp.transport import RtpTransport, unpack_fields
from calling.sdp import validate

if TYPE_CHECKING:
    from calling.media.rtp.config import MediaConfig
    from calling.media.rtp.media_port import MediaPort

EARLY = 8  # DTLS datagrams kept until a pair is selected
ICE_SECONDS, DTLS_SECONDS = 15.0, 10.0


class IcePath:
    """The sockets of one ICE agent, one at each place of ours; `sock` is the one that was selected."""

    def __init__(self, transport: WebRtcTransport, config: MediaConfig, controlling: bool) -> None:
        self.transport = transport
        places = udp_ports.bind_all(config)
        self.sock = places[0][0]
        self._socks = [sock for sock, _ in places]
        self.remote: tuple[Any, ...] | None = None
        self.agent = IceAgent(
            places, controlling, self._selected, lambda host: validate.reachable(host, config.loopback)
        )
        self.dropped = 0
        self._early: list[tuple[bytes, tuple[Any, ...]]] = []
        self._loop = asyncio.get_running_loop()
        for sock in self._socks:
            self._loop.add_reader(sock.fileno(), self._readable, sock)
        self.closed = False

    def _selected(self, address: tuple[str, int], sock: socket.socket) -> None:
        self.sock = sock
        if self.remote is not None and self.remote[:2] == address:
            return
        # the kernel reports IPv6 senders as four-tuples
        self.remote = address if ":" not in address[0] else (*address, 0, 0)
        early, self._early = self._early, []
        for data, sender in early:
            if sender[:2] == address or self.agent.may_send_from(sender):
                self.transport.pipe.feed(data)

    def _readable(self, sock: socket.socket) -> None:
        transport = self.transport
        buffer = transport.buffer
        view = buffer.view
        try:
            size, address = sock.recvfrom_into(view)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            return  # an ICMP error of an earlier send; the socket stays usable
        if size < 13:
            self.dropped += 1
            return
        first = view[0]
        if 127 < first < 192:
            if address != self.remote and not self.agent.may_send_from(address):
                self.dropped += 1
                return
            rx = transport.rx
            if rx is None:
                return
            if 191 < view[1] < 224:
                transport.control(size)
                return
            length = buffer.length
            length[0] = size
            if unprotect(rx, buffer.c, length):
                transport.refused += 1
                return
            mark, sequence, timestamp, ssrc = unpack_fields(view, FIELDS_AT)
            stream = transport.streams.get(ssrc)
            if stream is None:
                stream = transport.new_stream(ssrc, mark & 0x7F, sequence, length[0])
                if stream is None:
                    return
            stream.receive(buffer, length[0], mark, sequence, timestamp)
        elif first < 4:
            self.agent.feed(bytes(view[:size]), address, sock)
        elif 19 < first < 64:
            if address == self.remote or (self.remote and self.agent.may_send_from(address)):
                transport.pipe.feed(bytes(view[:size]))
            elif self.remote is None and len(self._early) < EARLY:
                self._early.append((bytes(view[:size]), address))
            else:
                self.dropped += 1

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for sock in self._socks:
            self._loop.remove_reader(sock.fileno())
        try:
            await asyncio.wait_for(self.agent.close(), 2)
        except Exception:  # half-made agents may raise anything; the socket must go all the same
            pass
        finally:
            for sock in self._socks:
                sock.close()


class WebRtcTransport(RtpTransport):
    """ICE, DTLS and SRTP of one or several media sections."""

    def __init__(self, port: MediaPort, config: MediaConfig, controlling: bool) -> None:
        super().__init__(port)
        self.config = config
        self.pipe = DtlsPipe(self._send_dtls)
        self.dtls = DtlsEnd(self.pipe, config.certificate)
        self.path = IcePath(self, config, controlling)
        self.next_path: IcePath | None = None
        self.role: str | None = None  # client or server, once DTLS was asked for
        self._tasks: set[asyncio.Task[None]] = set()

    # --- setting up

    def connect(
        self, user: str, password: str, lite: bool, fingerprints: list[tuple[str, str]], role: str
    ) -> None:
        """Start ICE and then DTLS in the background; the port is told how it ends. role: client or server."""
        self.path.agent.set_remote(user, password, lite)
        self.role = role
        self.dtls.set_role(role)
        self._run(self._set_up(fingerprints))

    async def _set_up(self, fingerprints: list[tuple[str, str]]) -> None:
        try:
            await self._reach()
        except (TimeoutError, ConnectionError):
            self.port.failed(PeerFailed("ice_timeout"))
            return
        try:
            async with asyncio.timeout(DTLS_SECONDS):
                await self.dtls.shake_hands(fingerprints)
        except TimeoutError:
            self.port.failed(PeerFailed("dtls_timeout"))
            return
        if self.dtls.state != "connected":
            self.port.failed(PeerFailed("fingerprint_mismatch" if self.dtls.mismatch else "dtls_failed"))
            return
        self.dtls.on("statechange", self._dtls_changed)
        self.rx, self.tx = self.dtls.rx, self.dtls.tx
        self.path.agent.consent_at = monotonic()
        self.port.connected()

    async def _reach(self) -> None:
        """Connect ICE within 15 s of the moment from which media is expected.

        A SignalWire client is given the answer only when the far end picks up: until then it cannot be
        reached, however long the ringing takes.
        """
        reaching = asyncio.ensure_future(self.path.agent.connect())
        left = ICE_SECONDS
        try:
            while not reaching.done():
                if left <= 0:
                    raise TimeoutError
                await asyncio.wait({reaching}, timeout=0.5)
                left -= 0.5 if self.port.expects_media else 0
            await reaching
        finally:
            reaching.cancel()

    def _dtls_changed(self) -> None:
        if self.dtls.state == "closed" and not self.closed:
            self.port.failed(PeerFailed("closed_by_peer"))

    def restart(self) -> IceAgent:
        """Begin an ICE restart: a new socket and agent; the old path carries on until the new one works."""
        if self.next_path is not None:
            self._run(self.next_path.close())
        self.next_path = IcePath(self, self.config, self.path.agent.ice_controlling)
        return self.next_path.agent

    def connect_again(self, user: str, password: str, lite: bool) -> None:
        """Check the restarted path in the background and move to it."""
        path = self.next_path
        if path is not None:
            path.agent.set_remote(user, password, lite)
            self._run(self._move(path))

    async def _move(self, path: IcePath) -> None:
        try:
            async with asyncio.timeout(ICE_SECONDS):
                await path.agent.connect()
        except (TimeoutError, ConnectionError):
            if path is self.next_path:
                self.next_path = None
                await path.close()
                self.port.failed(PeerFailed("ice_timeout"))
            return
        old, self.path, self.next_path = self.path, path, None
        path.agent.consent_at = monotonic()
        await old.close()
        self.port.connected()

    def learn(self, candidates: list[str], size: int) -> None:
        """Add the candidates of a description of so many bytes, in the background."""
        agent = self.agent
        agent.heard(size)

        async def add() -> None:
            for line in candidates:
                with contextlib.suppress(ValueError):
                    await agent.add_remote_line(line)

        self._run(add())

    @property
    def agent(self) -> IceAgent:
        """The agent whose credentials and candidate go into a description."""
        return (self.next_path or self.path).agent

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception:  # whatever a private part raises ends this leg, not the worker
            if not self.closed:
                self.port.failed(PeerFailed("crashed"))

    # --- datagrams out

    def rtt(self) -> float:
        return self.stun_rtt or super().rtt()

    @property
    def stun_rtt(self) -> float | None:
        return self.path.agent.stun_rtt

    def consents(self, since: float, *, ask: bool) -> bool:
        agent = self.path.agent
        if agent.consent_at < since and self.next_path is None:
            return False
        if ask:
            agent.query_consent_now()
        return True

    def send(self, data: memoryview | bytes) -> None:
        """One protected datagram to the selected address; a full socket buffer loses it, as UDP may."""
        path = self.path
        if path.remote is not None:
            try:
                path.sock.sendto(data, path.remote)
            except OSError:
                self.port.unsent += 1

    def _send_dtls(self, data: bytes) -> None:
        if self.path.remote is not None:
            with contextlib.suppress(OSError):
                self.path.sock.sendto(data, self.path.remote)

    # --- end

    async def close(self) -> None:
        """Say goodbye and free everything; never raises."""
        if self.closed:
            return
        self.closed = True
        ssrcs = [line.ssrc for line in self.lines if line.sends]
        with contextlib.suppress(Exception):
            if ssrcs and self.tx is not None:
                self.send_control(rtcp.receiver_report(ssrcs[0], []) + rtcp.bye(ssrcs))
        self.rx = self.tx = None
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.dtls.stop(), 2)
        self.pipe.end()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=2)
        await self.path.close()
        if self.next_path is not None:
            await self.next_path.close()
        self.dtls.remove_all_listeners()
        self.streams.clear()
