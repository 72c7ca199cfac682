"""Bounds of an HTTP body before Django sees it: its size and the time it may take to come.

Django's ASGI handler reads a body of any length to a file before the first middleware runs, and waits for
its end for ever. The answer itself (413 in the shape of docs/contract.md#errors) is given further in; here
the client is made able to read it: closing a connection on which bytes lie unread resets it (RFC 9112 9.6),
and most clients send their whole body before they look at an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from config.web import early_errors
from rest import request_ids

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Any  # Django, Channels and uvicorn each type ASGI their own way

LARGEST = 256 * 1024
PATIENCE = 30.0
MOST_DISCARDED = 8 * 1024 * 1024
DISCARD_SECONDS = 2.0


class BoundedHttp:
    """Hands `application` at most one byte more than `largest`, and answers 408 after `patience` seconds.

    What follows a cut is thrown away after the answer, up to `discarded` bytes and `discard_seconds`, before
    the connection closes.
    """

    def __init__(
        self,
        application: Application,
        *,
        largest: int = LARGEST,
        patience: float = PATIENCE,
        discarded: int = MOST_DISCARDED,
        discard_seconds: float = DISCARD_SECONDS,
    ) -> None:
        self.application = application
        self.largest = largest
        self.patience = patience
        self.discarded = discarded
        self.discard_seconds = discard_seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if announced(scope) > self.largest:
            # Not read before the answer: a client that waits for `100 Continue` then sends nothing at all.
            first, cut = part(b""), True
        else:
            try:
                async with asyncio.timeout(self.patience):
                    first, cut = await self._body(receive)
            except TimeoutError:
                await _too_slow(scope, send)
                return
        handed = False

        async def replay() -> Message:
            nonlocal handed
            if handed:
                # Whoever asks again looks for a disconnect; after a cut what comes is the rest of the body.
                return await (asyncio.Event().wait() if cut else receive())  # type: ignore[return-value]
            handed = True
            return first

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() != b"connection"]
                await send({**message, "headers": [*kept, (b"connection", b"close")]})
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await self._discard(receive)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self.application(scope, replay, answer if cut else send)

    async def _body(self, receive: Receive) -> tuple[Message, bool]:
        """The whole body as one message, and whether it was cut; `http.disconnect` as it came."""
        parts = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message, False
            parts += message.get("body", b"")
            cut = len(parts) > self.largest
            if cut or not message.get("more_body", False):
                return part(bytes(parts[: self.largest + 1])), cut

    async def _discard(self, receive: Receive) -> None:
        """Read and forget what is still coming, within the bounds."""
        left = self.discarded
        try:
            async with asyncio.timeout(self.discard_seconds):
                while left > 0:
                    message = await receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))
        except TimeoutError:
            return


def announced(scope: MutableMapping[str, Any]) -> int:
    """The bytes that Content-Length promises; 0 where it is absent or no number."""
    text = next((value for name, value in scope.get("headers", ()) if name == b"content-length"), b"0")
    return int(text) if text.isdigit() and len(text) <= 18 else 0


def part(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": False}


async def _too_slow(scope: MutableMapping[str, Any], send: Send) -> None:
    body = early_errors.body(408, request_ids.current(), early_errors.base_of_scope(scope))
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 408, "headers": headers})
    await send({"type": "http.response.body", "body": body})
