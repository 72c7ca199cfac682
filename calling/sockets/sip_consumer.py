"""The WebSocket at `/ws/sip`: SIP over WebSocket (RFC 7118), for JsSIP, SIP.js and their like.

The frames go to a SIP edge over a link of their own and its answers come back: see
`calling.sip.stack.websocket`, which says why. One frame is one message, text or binary. What must not live
here: anything of SIP, and any decision about a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from django.conf import settings

import clock
from calling.runtime.token_bucket import TokenBucket
from calling.sip.edge.flows import proof_of
from calling.sip.stack import websocket
from calling.sip.stack.parser import MAX_MESSAGE
from calling.sip.stack.stream_parser import StreamError
from calling.sockets import origin
from calling.sockets.device_consumer import FLOOD, GONE, RESYNC
from calling.sockets.patience import TRY_AGAIN
from calling.sockets.socket import Socket
from calling.sockets.strangers import Stranger
from rest import errors

log = logging.getLogger(__name__)

PROTOCOL = "sip"
RESTART, TOO_LARGE = 1012, 1009  # RFC 6455 7.4 and its registry: the edge starts anew; a frame too large
CONNECT_SECONDS = CLOSE_SECONDS = 4.0
DRAIN_SECONDS = SEND_SECONDS = 10.0  # for the edge to take a message; for the browser to
CHUNK = 65_536


class SipConsumer(Socket):
    """One browser's socket and its link to an edge: each ends with the other."""

    writer: asyncio.StreamWriter | None
    hearing: asyncio.Task[None] | None
    closing: bool
    stranger: Stranger | None

    async def connect(self) -> None:
        self.writer, self.hearing, self.closing, self.stranger = None, None, False, None
        if settings.CALLWRIGHT_SIP_EDGE[1] == 0:
            await self.refuse(errors.NotFound("This instance speaks no SIP."))
            return
        if PROTOCOL not in self.scope.get("subprotocols", ()):
            await self.refuse(errors.BadRequest(message="Ask for the subprotocol sip (RFC 7118)."))
            return
        if not origin.allowed(self.scope):
            await self.refuse(origin.refusal())
            return
        self.bucket = TokenBucket(
            settings.CALLWRIGHT_MESSAGES_PER_SECOND, settings.CALLWRIGHT_MESSAGES_BURST, clock.monotonic()
        )
        await self.accept(PROTOCOL)
        self.stranger = Stranger(origin.source(self.scope))
        if not self.stranger.waits:
            await self.close_once(FLOOD)
            return
        host, port = self.browser_at()
        proof = proof_of(host, port, secure=self.scope.get("scheme") == "wss")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, self.writer = await asyncio.open_connection(*settings.CALLWRIGHT_SIP_EDGE)
        except (OSError, TimeoutError) as error:
            log.warning("No SIP edge answers", extra={"error": type(error).__name__})
            await self.close_once(TRY_AGAIN)
            return
        self.writer.write(websocket.preface(proof))
        self.hearing = asyncio.create_task(self.hear(reader))

    def browser_at(self) -> tuple[str, int]:
        """(address, port) of the browser, as the trusted proxies say; the port is 0 where they do not."""
        host, port = self.scope.get("client") or ("", 0)
        return str(host), int(port)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closing or self.writer is None:
            return
        if not self.bucket.take(clock.monotonic()):
            await self.close_once(FLOOD)
            return
        data = bytes_data if text_data is None else text_data.encode("utf-8", "replace")
        if data is None or len(data) > MAX_MESSAGE:
            await self.close_once(TOO_LARGE)
            return
        try:
            self.writer.write(websocket.message_frame(data))
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.writer.drain()
        except (OSError, TimeoutError):
            await self.close_once(RESTART)

    async def hear(self, reader: asyncio.StreamReader) -> None:
        """What the edge sends, until the link ends. Whoever does not read what comes is left."""
        frames = websocket.FrameReader()
        code = RESTART
        try:
            while data := await reader.read(CHUNK):
                for kind, content in frames.feed(data):
                    if kind == websocket.CLOSE:
                        code = websocket.close_code(content)
                        continue
                    if kind == websocket.KNOWN:
                        self.no_stranger()
                        continue
                    async with asyncio.timeout(SEND_SECONDS):
                        await self.tell(content)
        except TimeoutError:
            code = RESYNC
        except (OSError, StreamError) as error:
            log.info("The link to the SIP edge broke", extra={"error": type(error).__name__})
        await self.close_once(code)

    async def tell(self, message: bytes) -> None:
        """Text, as all clients read it; only what is no UTF-8 goes as it is."""
        try:
            await self.send(text_data=message.decode())
        except UnicodeDecodeError:
            await self.send(bytes_data=message)

    async def close_once(self, code: int) -> None:
        if self.closing:
            return
        self.closing = True
        self.leave(code)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.close(code), CLOSE_SECONDS)

    async def disconnect(self, code: int) -> None:
        self.closing = True
        if self.hearing is not None:
            self.hearing.cancel()
        self.no_stranger()
        self.leave(code)

    def no_stranger(self) -> None:
        """It has said who it is, or is gone: its place is for another of its source."""
        if self.stranger is not None:
            self.stranger.leave()

    def leave(self, code: int) -> None:
        """Tell the edge how the socket ended, and end the link."""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.write(websocket.close_frame(GONE if code == GONE else websocket.LOST))
            writer.close()
