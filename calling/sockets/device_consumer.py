"""What all device sockets share, in either protocol: bounds, deadlines and closing.

A socket never dies of what it is sent. It is closed with one of the codes below.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.conf import settings

import clock
from calling import presence
from calling.runtime.token_bucket import TokenBucket
from calling.sockets import hub, origin, patience
from calling.sockets.device_session import DeviceSession
from calling.sockets.send_queue import SendQueue
from calling.sockets.socket import Socket
from calling.sockets.strangers import Stranger

# Close codes. The client: no or no more token; idle or dead; does not read; floods; another socket came.
NO_TOKEN, IDLE, RESYNC, FLOOD, REPLACED = 4401, 4408, 4409, 4429, 4000
GONE = 1001  # from a browser: the page was left (RFC 6455 7.4.1)
CLOSE_SECONDS = 5.0

S = TypeVar("S", bound=DeviceSession[Any])


class DeviceConsumer(Socket, Generic[S]):
    """Sockets need no channel layer: their hub listens for all of them at once."""

    auth_seconds: ClassVar[float]
    session: S | None

    async def connect(self) -> None:
        self.session = None
        self.closing: asyncio.Task[None] | None = None
        self.waiting: set[asyncio.Task[None]] = set()
        self.connection: UUID = clock.new_id()
        if not origin.allowed(self.scope):
            await self.refuse(origin.refusal())
            return
        self.bucket = TokenBucket(
            settings.CALLWRIGHT_MESSAGES_PER_SECOND, settings.CALLWRIGHT_MESSAGES_BURST, clock.monotonic()
        )
        await self.accept()
        self.out = SendQueue(lambda text: self.send(text_data=text), lambda: self.close_socket(RESYNC))
        self.stranger = Stranger(origin.source(self.scope))
        if not self.stranger.waits:
            self.close_soon(FLOOD)
            return
        self.patience = asyncio.create_task(self.auth_deadline())

    async def auth_deadline(self) -> None:
        """Close the socket if nobody has signed in within `auth_seconds`."""
        code = await patience.run_out(self.auth_seconds)
        if self.session is None:
            self.close_soon(code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closing is not None:
            return
        if not self.bucket.take(clock.monotonic()):
            self.close_soon(FLOOD)
            return
        await self.read(text_data)

    @abstractmethod
    async def read(self, text: str | None) -> None:
        """Read one frame and answer it. None: it was not text."""

    @abstractmethod
    async def withdraw(self, session: S) -> None:
        """Receive no calls any more; calls that live go on. May raise what the database raises."""

    def over(self, why: str) -> None:
        """The session's clock, or a revocation: close, unless live calls keep an expired token's socket."""
        session = self.session
        if session is None or self.closing is not None:
            return
        match why:
            case "expired" if session.has_calls():
                if not session.expired:
                    session.expired = True
                    self.spawn(self.stop_receiving(session))
            case "expired" | "revoked":
                self.close_soon(NO_TOKEN)
            case "replaced":
                self.close_soon(REPLACED)
            case "dead":
                self.close_soon(IDLE)
            case "idle" if not session.has_calls():
                self.close_soon(IDLE)

    async def stop_receiving(self, session: S) -> None:
        with contextlib.suppress(Exception):  # without the database, the session ignores the ringing anyway
            await self.withdraw(session)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)

    # --- going --------------------------------------------------------------------------------------

    def close_soon(self, code: int) -> None:
        """Send what is still queued, then close; no more frames are read."""
        if self.closing is None:
            self.closing = asyncio.create_task(self.say_and_close(code))

    async def say_and_close(self, code: int) -> None:
        await self.out.flush()
        await self.close_socket(code)

    async def close_socket(self, code: int) -> None:
        if self.closing is None:
            self.closing = asyncio.current_task()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.close(code), CLOSE_SECONDS)

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "stranger"):
            self.stranger.leave()
        for name in ("patience", "out"):
            if hasattr(self, name):
                part = getattr(self, name)
                part.stop() if isinstance(part, SendQueue) else part.cancel()
        for task in list(self.waiting):
            task.cancel()
        session, self.session = self.session, None
        if session is None:
            return
        session.on_expiry = None
        the_hub = hub.the_hub()
        if not the_hub.detach(session):
            return
        the_hub.keep(session)
        await the_hub.offline(presence.GoneDevice(session.device_id, self.connection, code == GONE))

    def user_agent(self) -> str:
        found = (value for name, value in self.scope.get("headers", ()) if name == b"user-agent")
        return next(found, b"").decode("latin-1")[:200]
