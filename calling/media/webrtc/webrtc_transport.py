"""One ICE + DTLS association of a leg.

An ICE restart makes a second path and moves over when a pair on it is nominated; DTLS and SRTP go on. A path
on which nothing was reached yet is given up for the new one at once. Where another section comes to bear the
transport of a bundle, browsers keep the credentials, drop the association and move.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from calling.media.aiortc_private.dtls import DtlsEnd, DtlsPipe
from calling.media.aiortc_private.ice import IceAgent
from calling.media.rtp import rtcp
from calling.media.rtp.events import PeerFailed
from calling.media.rtp.receive_stream import monotonic
from calling.media.rtp.transport import Hop, RtpTransport
from calling.media.webrtc.ice_path import IcePath

if TYPE_CHECKING:
    from calling.media.rtp.config import MediaConfig
    from calling.media.rtp.media_port import MediaPort

ICE_SECONDS, DTLS_SECONDS = 15.0, 10.0


class WebRtcTransport(RtpTransport):
    """ICE, DTLS and SRTP of one or several media sections."""

    def __init__(
        self, port: MediaPort, config: MediaConfig, controlling: bool, *, alone: bool = False
    ) -> None:
        """alone: on a port of its own, also where legs share one. Raises an OSError where there is none."""
        super().__init__(port)
        self.config, self._alone = config, alone
        self.pipe = DtlsPipe(self._send_dtls)
        self.dtls = DtlsEnd(self.pipe, config.certificate)
        self.path = IcePath(self, self.pipe, config, controlling, alone)
        self.next_path: IcePath | None = None
        self.role: str | None = None  # client or server, once DTLS was asked for
        self._fingerprints: list[tuple[str, str]] = []
        self._anew_until = 0.0  # until when the far end may begin another association
        self._setting_up: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- setting up

    def connect(
        self, user: str, password: str, lite: bool, fingerprints: list[tuple[str, str]], role: str
    ) -> None:
        """Start ICE and then DTLS in the background; the port is told how it ends. role: client or server."""
        self.role = role
        self.dtls.set_role(role)
        self._fingerprints = fingerprints
        self._begin(user, password, lite)

    def _begin(self, user: str, password: str, lite: bool) -> None:
        self.path.agent.set_remote(user, password, lite)
        self._setting_up = self._run(self._set_up())

    async def _set_up(self) -> None:
        try:
            await self._reach()
        except (TimeoutError, ConnectionError):
            self._failed("ice_timeout")
            return
        try:
            async with asyncio.timeout(DTLS_SECONDS):
                await self.dtls.shake_hands(self._fingerprints)
        except TimeoutError:
            self._failed("dtls_timeout")
            return
        if self.dtls.state != "connected":
            self._failed("fingerprint_mismatch" if self.dtls.mismatch else "dtls_failed")
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
        if self.dtls.state == "closed":
            self._failed("closed_by_peer")

    def _failed(self, reason: str) -> None:
        """Tell the port, unless this transport is being closed: another one may have taken its place."""
        if not self.closed:
            self.port.failed(PeerFailed(reason))

    def restart(self) -> IceAgent:
        """Begin an ICE restart: a new agent; the old path carries on until the new one works, if it works."""
        if self.path.remote is None:
            return self._replace_path().agent
        if self.next_path is not None:
            self._run(self.next_path.close())
        self.take_back()
        old = self.path.agent
        self.next_path = IcePath(self, self.pipe, self.config, old.ice_controlling, self._alone)
        return self.next_path.agent

    def _replace_path(self) -> IcePath:
        """Give up a path that has not reached the far end, and the attempt that waits for it: the far end
        has new credentials and answers the old ones no more."""
        former = self.path
        self.path = IcePath(self, self.pipe, self.config, former.agent.ice_controlling, self._alone)
        if self._setting_up is not None:
            self._setting_up.cancel()
        former.deafen()
        self._run(former.close())
        return self.path

    def connect_again(self, user: str, password: str, lite: bool) -> None:
        """Check the restarted path in the background and move to it."""
        path = self.next_path
        if path is None:
            self._begin(user, password, lite)
        else:
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
                self._failed("ice_timeout")
            return
        self.take_back()
        old, self.path, self.next_path = self.path, path, None
        path.agent.consent_at = monotonic()
        self.moved()
        await old.close()
        self.port.connected()

    def may_begin_anew(self) -> None:
        """Another section bears this transport from now on: Chromium and Firefox shake hands again then, from
        another port. Who stays where it is goes on as before."""
        if self.tx is not None:
            self._anew_until = monotonic() + ICE_SECONDS

    def moved(self) -> None:
        super().moved()
        if self.next_path is None and monotonic() < self._anew_until:
            self._anew_until = 0.0
            self._run(self._shake_hands_again())

    async def _shake_hands_again(self) -> None:
        """What was agreed on before is used on, if the far end keeps it."""
        given_up, pipe = self.dtls, self.pipe
        self.pipe = self.path.pipe = DtlsPipe(self._send_dtls)
        new = DtlsEnd(self.pipe, self.config.certificate)
        new.set_role(self.role or "client")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DTLS_SECONDS):
                await new.shake_hands(self._fingerprints)
        if new.state == "connected":
            self.take_back()
            given_up.remove_all_listeners()
            new.on("statechange", self._dtls_changed)
            self.dtls, self.rx, self.tx = new, new.rx, new.tx
            self.port.connected()
        else:
            given_up, pipe, self.pipe = new, self.pipe, pipe
            self.path.pipe = self.pipe
        pipe.mute()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(given_up.stop(), 2)
        pipe.end()

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

    def _run(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception:  # whatever a private part raises ends this leg, not the worker
            self._failed("crashed")

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

    def hop(self) -> Hop | None:
        path = self.path
        moving = self.next_path is not None or self.closed
        return path.seat.hop(path.sock, path.remote) if path.seat is not None and not moving else None

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
        self.path.deafen()
        if self.next_path is not None:
            self.next_path.deafen()
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
