"""`/`: one socket of one `@signalwire/js` client. Frames in, answers and events out; rules are elsewhere.

A socket never dies of what it is sent. It is closed 4401 (no or no more token), 4408 (dead), 4409 (does not
read), 4429 (flood).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any
from uuid import UUID, uuid4

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from calling import presence
from calling.signalling import hub, origin
from calling.signalling.fabric import calls, commands, entry, reading, rpc
from calling.signalling.fabric.line import Line
from calling.signalling.fabric.rpc import Ack, BadFrame, Request
from calling.signalling.outbound import Outbound
from calling.signalling.rate import Bucket
from calling.signalling.threads import in_thread
from tokens.authentication import InvalidToken

log = logging.getLogger(__name__)
AUTH_SECONDS = 20.0
NO_TOKEN, DEAD, RESYNC, FLOOD = 4401, 4408, 4409, 4429


class FabricConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sockets ask nothing of a channel layer: their hub listens for all of them at once."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        self.line: Line | None = None
        self.closing: asyncio.Task[None] | None = None
        self.waiting: set[asyncio.Task[None]] = set()
        self.connection: UUID = uuid4()
        if not origin.allowed(self.scope):
            await self.close()
            return
        self.bucket = Bucket(
            settings.CALLWRIGHT_MESSAGES_PER_SECOND, settings.CALLWRIGHT_MESSAGES_BURST, time.monotonic()
        )
        await self.accept()
        self.out = Outbound(lambda text: self.send(text_data=text), lambda: self.hang_up(RESYNC))
        self.patience = asyncio.create_task(self.lose_patience())

    async def lose_patience(self) -> None:
        """The SDK waits 15 s for its answer and would come back at once to a socket closed before that."""
        await asyncio.sleep(AUTH_SECONDS)
        if self.line is None:
            self.close_soon(NO_TOKEN)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closing is not None:
            return
        if not self.bucket.take(time.monotonic()):
            self.close_soon(FLOOD)
            return
        try:
            frame = reading.read(text_data)
        except BadFrame as bad:
            self.out.put(rpc.error(bad.id, bad.code, bad.message))
            return
        if self.line is not None:
            self.line.heard_at = time.time()
        if isinstance(frame, Ack):
            if self.line is not None:
                self.line.unacked.pop(frame.id, None)
            return
        try:
            await self.obey(frame)
        except Exception as error:
            self.out.put(commands.error_for(error, frame))

    async def obey(self, request: Request) -> None:
        line = self.line
        if request.method == "signalwire.connect":
            await self.come_in(request)
        elif line is None:
            self.out.put(rpc.error(request.id, rpc.NOT_AUTHENTICATED, "Send signalwire.connect first."))
        elif request.method == "signalwire.reauthenticate":
            await self.renew(line, request)
        elif request.method in ("subscriber.online", "subscriber.offline"):
            wanted = request.method == "subscriber.online"
            await in_thread(entry.receive, line.holder, line.device_id, self.connection, wanted)
            line.say(rpc.okay(request.id))
            hub.the_hub().look(line)
        elif request.method == "webrtc.verto":
            # A re-offer waits for its answer; the socket goes on meanwhile.
            if commands.method_of(request) == "verto.modify":
                self.spawn(self.answer(line, request))
            else:
                line.say(await calls.verto(line, request))
        elif request.method.startswith("call.") or request.method.startswith("member."):
            line.say(await calls.direct(line, request))
        elif request.method == "signalwire.ping":
            line.say(rpc.result(request.id, {"timestamp": time.time()}))
        else:
            line.say(rpc.error(request.id, -32601, "There is no such method."))

    def spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)

    async def answer(self, line: Line, request: Request) -> None:
        try:
            line.say(await calls.verto(line, request))
        except Exception as error:
            line.say(commands.error_for(error, request))

    # --- coming in and staying ----------------------------------------------------------------------

    async def come_in(self, request: Request) -> None:
        if self.line is not None:
            self.out.put(rpc.error(request.id, rpc.INVALID, "This socket is connected already."))
            return
        try:
            session = await in_thread(entry.come_in, request.params, self.connection, self.user_agent())
        except InvalidToken as refused:
            self.out.put(rpc.error(request.id, rpc.NOT_AUTHENTICATED, refused.message))
            return
        the_hub = hub.the_hub()
        line = Line(session.device_id, session.holder, self.out)
        line.names = dict(session.names)
        before = the_hub.former(session.device_id)
        if isinstance(before, Line):
            before.on_expiry = None
            line.inherit(before)
        line.on_expiry = self.over
        self.line = line
        the_hub.attach(line)
        self.patience.cancel()
        line.say(rpc.result(request.id, session.result))
        state = {"authorization_state": session.state}
        line.say(rpc.event("signalwire.authorization.state", state))
        line.repeat()
        the_hub.look(line)

    async def renew(self, line: Line, request: Request) -> None:
        try:
            line.holder = await in_thread(entry.renew, line.holder, request.params)
        except InvalidToken as refused:
            line.say(rpc.error(request.id, rpc.NOT_AUTHENTICATED, refused.message))
            return
        line.expired = False
        line.say(rpc.result(request.id, {}))
        state = await in_thread(entry.seal, line.holder, line.device_id)
        line.say(rpc.event("signalwire.authorization.state", {"authorization_state": state}))

    def over(self, why: str) -> None:
        """The line's clock, or a revocation: close, unless live calls keep an expired token's socket."""
        line = self.line
        if line is None or self.closing is not None:
            return
        if why == "expired" and line.has_calls():
            if not line.expired:
                line.expired = True
                self.spawn(self.stop_receiving(line))
        elif why == "dead":
            self.close_soon(DEAD)
        else:
            self.close_soon(NO_TOKEN)

    async def stop_receiving(self, line: Line) -> None:
        with contextlib.suppress(Exception):  # a database away: the line ignores the ringing anyway
            await in_thread(entry.receive, line.holder, line.device_id, self.connection, False)

    # --- going --------------------------------------------------------------------------------------

    def close_soon(self, code: int) -> None:
        if self.closing is None:
            self.closing = asyncio.create_task(self.say_and_close(code))

    async def say_and_close(self, code: int) -> None:
        await self.out.flush()
        await self.hang_up(code)

    async def hang_up(self, code: int) -> None:
        if self.closing is None:
            self.closing = asyncio.current_task()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.close(code), 5.0)

    async def disconnect(self, code: int) -> None:
        for name in ("patience", "out"):
            if hasattr(self, name):
                part = getattr(self, name)
                part.stop() if isinstance(part, Outbound) else part.cancel()
        for task in list(self.waiting):
            task.cancel()
        line, self.line = self.line, None
        if line is None:
            return
        line.on_expiry = None
        the_hub = hub.the_hub()
        if not the_hub.detach(line):
            return
        the_hub.keep(line)
        try:
            await in_thread(presence.device_offline, line.device_id, self.connection)
        except Exception as error:  # its lease runs out by itself
            log.warning("A lost client could not be marked", extra={"error": type(error).__name__})

    def user_agent(self) -> str:
        found = (value for name, value in self.scope.get("headers", ()) if name == b"user-agent")
        return next(found, b"").decode("latin-1")[:200]
