"""`/ws/phone`: one socket of one device (contract 6). Frames in, messages out; every rule is elsewhere.

A socket never dies of what it is sent: whatever cannot be done is answered with an `error`. It is closed
4401 (no or no more token), 4408 (idle), 4409 (does not read what it is sent), 4429 (flood).
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
from calling.fields import Invalid
from calling.signalling import frames, hub, origin
from calling.signalling.frames import BadFrame, Frame
from calling.signalling.outbound import Outbound
from calling.signalling.phone import commands, ruling, welcome
from calling.signalling.phone.line import Line
from calling.signalling.rate import Bucket
from calling.signalling.threads import in_thread
from subscribers.http.problems import ApiError
from tokens.authentication import InvalidToken

log = logging.getLogger(__name__)
AUTH_SECONDS = 5.0
NO_TOKEN, IDLE, RESYNC, FLOOD, REPLACED = 4401, 4408, 4409, 4429, 4000


class PhoneConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sockets ask nothing of a channel layer: their hub listens for all of them at once."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        self.line: Line | None = None
        self.closing: asyncio.Task[None] | None = None
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
        """Five seconds for the first frame (contract 6)."""
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
            frame = frames.read(text_data)
        except BadFrame as bad:
            self.out.put(frames.error(bad.code, bad.message, bad.req_id, bad.call_id))
            if self.line is None:
                self.close_soon(NO_TOKEN)
            return
        try:
            await self.obey(frame)
        except Exception as error:
            self.out.put(commands.error_for(error, frame))

    # --- frames -----------------------------------------------------------------------------------

    async def obey(self, frame: Frame) -> None:
        line = self.line
        if line is None:
            await self.come_in(frame)
            return
        line.heard_at = time.time()
        match frame.type:
            case "ping":
                line.say({"type": "pong", "req_id": frame.req_id})
            case "auth":
                await self.renew(line, frame)
            case "calls.list":
                calls = await in_thread(welcome.calls_of, line.device_id)
                line.say({"type": "calls", "req_id": frame.req_id, "calls": calls})
            case kind if kind in commands.MAKES:
                await self.make(line, frame)
            case kind if kind in commands.VERBS:
                await self.do(line, frame)
            case kind if ruling.asks(kind):
                line.say(await in_thread(ruling.obey, line.holder, frame))
            case _:
                line.say(
                    frames.error("unknown_type", "There is no such message.", frame.req_id, frame.call_id)
                )

    async def make(self, line: Line, frame: Frame) -> None:
        """A new call: `call.trying` before anything else is said of it."""
        if line.expired:
            raise InvalidToken("token_expired", "The token has expired: send auth with a new one.")
        line.making += 1
        try:
            call_id, leg_id = await in_thread(commands.make, line.holder, frame, line.device_id)
        finally:
            line.making -= 1
        trying: dict[str, Any] = {"type": "call.trying", "req_id": frame.req_id, "call_id": call_id}
        if frame.type == "call.consult":
            trying["consult_of"] = frame.call_id
        line.say(trying)
        offers = frame.fields.get("sdp") is not None
        line.made(frame.req_id, call_id, leg_id, offers, None if offers else frame.call_id)
        hub.the_hub().look(line)

    async def do(self, line: Line, frame: Frame) -> None:
        if frame.type in commands.TRICKLES:
            call_id = line.call_of_candidate(frame.call_id, frame.req_id)
            if call_id is None:
                line.say(frames.error("call_id_required", "Say which call this is for.", frame.req_id))
                return
        else:
            call_id = commands.required_call(frame)
        done = commands.VERBS[frame.type]
        found = await in_thread(done, line.holder, call_id, frame.fields, line.device_id)
        if frame.type in commands.GATHERS:
            line.gathering.add(found)
        elif frame.type == "ice.done":
            line.gathering.discard(found)
        if frame.type not in commands.TRICKLES:
            hub.the_hub().look(line)

    # --- coming in and staying ----------------------------------------------------------------------

    async def come_in(self, frame: Frame) -> None:
        if frame.type != "auth":
            self.out.put(frames.error("not_authenticated", "The first frame must be auth.", frame.req_id))
            self.close_soon(NO_TOKEN)
            return
        try:
            found = await in_thread(welcome.welcome, frame.fields, self.connection, self.user_agent())
        except (InvalidToken, Invalid, ApiError) as error:
            self.out.put(commands.error_for(error, frame))
            self.close_soon(NO_TOKEN)
            return
        the_hub = hub.the_hub()
        line = Line(found.device_id, found.holder, self.out)
        before = the_hub.former(found.device_id)
        if isinstance(before, Line):
            line.inherit(before)
            if before.on_expiry is not None:
                before.on_expiry("replaced")
        line.on_expiry = self.over
        self.line = line
        the_hub.attach(line)
        self.patience.cancel()
        line.say(found.hello | ({"req_id": frame.req_id} if frame.req_id is not None else {}))
        if found.came_back:
            line.say({"type": "calls", "req_id": frame.req_id, "calls": found.calls})
        the_hub.look(line)

    async def renew(self, line: Line, frame: Frame) -> None:
        """A fresh token of the same subscriber on the open socket."""
        holder = await in_thread(welcome.read_token, frame.fields)
        whose = (holder.project_id, holder.subscriber_id, holder.address)
        if whose != (line.holder.project_id, line.holder.subscriber_id, line.holder.address):
            raise InvalidToken("token_invalid", "The token is somebody else's: open a socket of its own.")
        line.holder, was_expired = holder, line.expired
        line.expired = False
        hello = await in_thread(welcome.hello, holder, line.device_id)
        if was_expired:
            fields = {"token": frame.fields["token"], "device_id": line.device_id}
            await in_thread(welcome.welcome, fields, self.connection, self.user_agent())
            hub.the_hub().look(line)
        line.say(hello | ({"req_id": frame.req_id} if frame.req_id is not None else {}))

    def over(self, why: str) -> None:
        """The line's clock, or a revocation: close, unless live calls keep an expired token's socket."""
        line = self.line
        if line is None or self.closing is not None:
            return
        match why:
            case "expired" if line.has_calls():
                if not line.expired:
                    line.expired = True
                    self.resting = asyncio.create_task(self.stop_receiving(line))
            case "expired" | "revoked":
                self.close_soon(NO_TOKEN)
            case "replaced":
                self.close_soon(REPLACED)
            case "idle" if not line.has_calls():
                self.close_soon(IDLE)

    async def stop_receiving(self, line: Line) -> None:
        with contextlib.suppress(Exception):  # a database away: the ringing is ignored by the line anyway
            await in_thread(welcome.stop_receiving, line.holder, line.device_id, self.connection)

    # --- going --------------------------------------------------------------------------------------

    def close_soon(self, code: int) -> None:
        """Say what still waits, then close; further frames are not read."""
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
            log.warning("A lost device could not be marked", extra={"error": type(error).__name__})

    def user_agent(self) -> str:
        found = (value for name, value in self.scope.get("headers", ()) if name == b"user-agent")
        return next(found, b"").decode("latin-1")[:200]
