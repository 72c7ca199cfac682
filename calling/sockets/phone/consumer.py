"""`/ws/phone`: one socket of one device (docs/contract.md#device-socket). Frames in, messages out; the
rules are elsewhere.

A socket never dies of what it is sent: whatever cannot be done is answered with an `error`. It is closed
4401 (no or no more token), 1013 (the platform is late: come again), 4408 (idle), 4409 (does not read what it
is sent), 4429 (flood). A browser that closes it 1001 has left the page.
"""

from __future__ import annotations

import contextlib
from typing import Any

import clock
from calling.runtime.db_threads import run_for_socket
from calling.sockets import frames, hub, patience, token_refresh
from calling.sockets.device_consumer import NO_TOKEN, DeviceConsumer
from calling.sockets.frames import BadFrame, Frame
from calling.sockets.phone import auth, commands, moderation
from calling.sockets.phone.session import PhoneSession
from calling.sockets.phone.translate import ClientView
from rest import errors
from tokens.signing import InvalidToken
from tokens.subjects import TokenHolder


class PhoneConsumer(DeviceConsumer[PhoneSession]):
    auth_seconds = 5.0

    async def read(self, text: str | None) -> None:
        try:
            frame = frames.read(text)
        except BadFrame as bad:
            self.out.push(frames.error(bad.code, bad.message, bad.req_id, bad.call_id))
            if self.session is None:
                self.close_soon(NO_TOKEN)
            return
        try:
            await self.handle(frame)
        except Exception as error:
            self.out.push(commands.error_for(error, frame))

    # --- frames -----------------------------------------------------------------------------------

    async def handle(self, frame: Frame) -> None:
        line = self.session
        if line is None:
            await self.authenticate(frame)
            return
        line.heard_at = clock.time()
        match frame.type:
            case "ping":
                line.say({"type": "pong", "req_id": frame.req_id})
            case "auth":
                await self.renew(line, frame)
            case "token.refresh":
                found = await run_for_socket(token_refresh.refreshed, line.holder, frame.fields)
                await self.adopt(line, found.holder, frame, found.shown())
            case "calls.list":
                calls = await run_for_socket(auth.calls_of, line.device_id)
                line.say({"type": "calls", "req_id": frame.req_id, "calls": calls})
            case "call.members":
                if not line.follow_members(commands.required_call(frame)):
                    raise errors.NotFound
                hub.the_hub().look(line)
            case kind if kind in commands.MAKES:
                await self.make(line, frame)
            case kind if kind in commands.VERBS:
                await self.do(line, frame)
            case kind if moderation.asks(kind):
                line.say(await run_for_socket(moderation.handle, line.holder, frame))
            case _:
                line.say(
                    frames.error("unknown_type", "There is no such message.", frame.req_id, frame.call_id)
                )

    async def make(self, line: PhoneSession, frame: Frame) -> None:
        """A new call: `call.trying` before anything else is said of it."""
        line.require_token()
        mark = object()
        line.making.add(mark)
        try:
            call_id, leg_id = await run_for_socket(commands.make, line.holder, frame, line.device_id)
        except Exception:
            line.refused(frame.req_id)
            raise
        finally:
            line.making.discard(mark)
        # The device may have come back on another socket meanwhile, which knows nothing of the call.
        now = hub.the_hub().lines.get(line.device_id)
        line = now if isinstance(now, PhoneSession) else line
        trying: dict[str, Any] = {"type": "call.trying", "req_id": frame.req_id, "call_id": call_id}
        if frame.type != "call.create":
            trying["consult_of" if frame.type == "call.consult" else "share_of"] = frame.call_id
        line.say(trying)
        offers = frame.fields.get("sdp") is not None
        line.made(frame.req_id, call_id, leg_id, offers, None if offers else frame.call_id)
        hub.the_hub().look_after(line)

    async def do(self, line: PhoneSession, frame: Frame) -> None:
        if frame.type in commands.TRICKLES:
            call_id = line.call_of_candidate(frame.call_id, frame.req_id)
            if call_id is None:
                line.say(frames.error("call_id_required", "Say which call this is for.", frame.req_id))
            if not call_id:
                return
        else:
            call_id = commands.required_call(frame)
        if frame.type in commands.CALLS_SOMEBODY:
            line.require_token()
        done, the_hub = commands.VERBS[frame.type], hub.the_hub()
        looked = the_hub.looked[line.device_id]
        try:
            found = await run_for_socket(done, line.holder, call_id, frame.fields, line.device_id)
        except Exception:
            if frame.type in commands.GATHERS:
                line.refused(frame.req_id)
            raise
        if frame.type in commands.GATHERS:
            line.gathers(found)
        elif frame.type == "ice.done":
            line.gathering.discard(found)
        if frame.type not in commands.TRICKLES:
            the_hub.look_after(line, looked)

    async def end_parts(self, line: PhoneSession, parts: list[ClientView]) -> None:
        """Hang up the screens of a call that is over; one that cannot be now ends with its media."""
        for each in parts:
            with contextlib.suppress(Exception):
                await run_for_socket(commands.end_share, line.holder, each, line.device_id)
        hub.the_hub().look(line)

    # --- coming in and staying ----------------------------------------------------------------------

    async def authenticate(self, frame: Frame) -> None:
        self.patience.cancel()
        if frame.type != "auth":
            self.out.push(frames.error("not_authenticated", "The first frame must be auth.", frame.req_id))
            self.close_soon(NO_TOKEN)
            return
        if not self.stranger.speak():
            self.close_soon(patience.TRY_AGAIN)
            return
        try:
            found = await patience.judged(auth.welcome, frame.fields, self.connection, self.user_agent())
        except Exception as error:
            self.out.push(commands.error_for(error, frame))
            self.close_soon(patience.close_code(error))
            return
        the_hub = hub.the_hub()
        line = PhoneSession(found.device_id, found.holder, self.out)
        before = the_hub.former(found.device_id)
        if isinstance(before, PhoneSession):
            line.inherit(before)
            if before.on_expiry is not None:
                before.on_expiry("replaced")
            before.on_parts_left = None
        line.on_expiry = self.over
        line.on_parts_left = lambda parts: self.spawn(self.end_parts(line, parts))
        self.session = line
        self.stranger.leave()
        the_hub.attach(line, self.connection)
        line.say(found.hello | ({"req_id": frame.req_id} if frame.req_id is not None else {}))
        if found.came_back:
            line.say({"type": "calls", "req_id": frame.req_id, "calls": found.calls})
        the_hub.look(line)

    async def renew(self, line: PhoneSession, frame: Frame) -> None:
        """Accept a new token of the same subscriber on the open socket."""
        holder = await run_for_socket(auth.read_token, frame.fields)
        whose = (holder.project_id, holder.subscriber_id, holder.identity)
        if whose != (line.holder.project_id, line.holder.subscriber_id, line.holder.identity):
            raise InvalidToken("token_invalid", "The token is somebody else's: open a socket of its own.")
        await self.adopt(line, holder, frame, {})

    async def adopt(
        self, line: PhoneSession, holder: TokenHolder, frame: Frame, more: dict[str, str]
    ) -> None:
        """The socket goes on under its holder's new token; `more` goes into `auth.ok`."""
        line.holder, was_expired = holder, line.expired
        line.expired = False
        hello = await run_for_socket(auth.hello, holder, line.device_id)
        if was_expired:
            who = (holder, line.device_id, self.connection, self.user_agent())
            await run_for_socket(auth.return_online, *who)
            hub.the_hub().look(line)
        line.say(hello | more | ({"req_id": frame.req_id} if frame.req_id is not None else {}))

    async def withdraw(self, session: PhoneSession) -> None:
        await run_for_socket(auth.stop_receiving, session.holder, session.device_id, self.connection)
