"""`/`: one socket of one `@signalwire/js` client. Frames in, answers and events out; rules are elsewhere.

A socket never dies of what it is sent. It is closed 4401 (no or no more token), 1013 (the platform is late),
4408 (dead), 4409 (does not read), 4429 (flood). A browser that closes it 1001 has left the page.
"""

from __future__ import annotations

import asyncio

import clock
from calling.runtime.db_threads import run_for_socket
from calling.signalwire.browser import calls, commands, rpc, session_auth
from calling.signalwire.browser.rpc import Ack, BadRpcMessage, Request
from calling.signalwire.browser.session import BrowserSession
from calling.sockets import hub, patience, token_refresh
from calling.sockets.device_consumer import DeviceConsumer
from rest.json_bodies import rfc3339
from tokens.signing import InvalidToken
from tokens.subjects import TokenHolder


class FabricConsumer(DeviceConsumer[BrowserSession]):
    # The SDK waits 15 s for its answer and would come back at once to a socket closed before that.
    auth_seconds = 20.0

    async def read(self, text: str | None) -> None:
        try:
            frame = rpc.read(text)
        except BadRpcMessage as bad:
            self.out.push(rpc.error(bad.id, bad.code, bad.message))
            return
        if self.session is not None:
            self.session.heard_at = clock.time()
        if isinstance(frame, Ack):
            if self.session is not None:
                self.session.unacked.pop(frame.id, None)
            return
        try:
            await self.handle(frame)
        except Exception as error:
            self.out.push(commands.error_for(error, frame))

    async def handle(self, request: Request) -> None:
        line = self.session
        if request.method == "signalwire.connect":
            await self.authenticate(request)
        elif line is None:
            self.out.push(rpc.error(request.id, rpc.NOT_AUTHENTICATED, "Send signalwire.connect first."))
        elif request.method == "signalwire.reauthenticate":
            await self.renew(line, request)
        elif request.method == "token.refresh":
            found = await run_for_socket(token_refresh.refreshed, line.holder, request.params)
            until = rfc3339(found.holder.expires_at)
            await self.adopt(line, found.holder, request, {**found.shown(), "expires_at": until})
        elif request.method in ("subscriber.online", "subscriber.offline"):
            wanted = request.method == "subscriber.online"
            await run_for_socket(session_auth.receive, line.holder, line.device_id, self.connection, wanted)
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
            line.say(rpc.result(request.id, {"timestamp": clock.time()}))
        else:
            line.say(rpc.error(request.id, -32601, "There is no such method."))

    async def answer(self, line: BrowserSession, request: Request) -> None:
        try:
            line.say(await calls.verto(line, request))
        except Exception as error:
            line.say(commands.error_for(error, request))

    # --- coming in and staying ----------------------------------------------------------------------

    async def authenticate(self, request: Request) -> None:
        if self.session is not None:
            self.out.push(rpc.error(request.id, rpc.INVALID, "This socket is already connected."))
            return
        self.patience.cancel()
        try:
            session = await patience.judged(
                session_auth.authenticate, request.params, self.connection, self.user_agent()
            )
        except InvalidToken as refused:
            self.out.push(rpc.error(request.id, rpc.NOT_AUTHENTICATED, refused.message))
            self.patience = asyncio.create_task(self.auth_deadline())
            return
        except Exception as error:
            self.out.push(commands.error_for(error, request))
            if patience.close_code(error) == patience.TRY_AGAIN:
                self.close_soon(patience.TRY_AGAIN)
            else:
                self.patience = asyncio.create_task(self.auth_deadline())
            return
        the_hub = hub.the_hub()
        line = BrowserSession(session.device_id, session.holder, self.out)
        line.names = dict(session.names)
        line.version_3 = session_auth.is_version_3(request.params)
        before = the_hub.former(session.device_id)
        if isinstance(before, BrowserSession):
            before.on_expiry = before.on_parts_left = None
            line.inherit(before)
        line.on_expiry = self.over
        line.on_parts_left = lambda parts: self.spawn(calls.end_parts(line, parts))
        self.session = line
        self.stranger.leave()
        the_hub.attach(line, self.connection)
        line.say(rpc.result(request.id, session.result))
        state = {"authorization_state": session.state}
        line.say(rpc.event("signalwire.authorization.state", state))
        line.repeat()
        the_hub.look(line)

    async def renew(self, line: BrowserSession, request: Request) -> None:
        try:
            holder = await run_for_socket(session_auth.renew, line.holder, request.params)
        except InvalidToken as refused:
            line.say(rpc.error(request.id, rpc.NOT_AUTHENTICATED, refused.message))
            return
        await self.adopt(line, holder, request, {})

    async def adopt(
        self, line: BrowserSession, holder: TokenHolder, request: Request, result: dict[str, str]
    ) -> None:
        """The socket goes on under its holder's new token."""
        line.holder, line.expired = holder, False
        line.say(rpc.result(request.id, result))
        state = await run_for_socket(session_auth.seal, line.holder, line.device_id)
        line.say(rpc.event("signalwire.authorization.state", {"authorization_state": state}))

    async def withdraw(self, session: BrowserSession) -> None:
        await run_for_socket(session_auth.receive, session.holder, session.device_id, self.connection, False)
