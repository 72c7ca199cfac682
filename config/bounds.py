"""Bounds of an HTTP body before Django sees it: its size and the time it may take to come.

Django's ASGI handler reads a body of any length to a file before the first middleware runs, and waits for
its end for ever. The answer itself (413 in the contract's shape) is given further in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Any  # Django, Channels and uvicorn each type ASGI their own way

LARGEST = 256 * 1024
PATIENCE = 30.0


class BoundedHttp:
    """Hands `application` at most one byte more than `largest`, and answers 408 after `patience` seconds."""

    def __init__(
        self, application: Application, *, largest: int = LARGEST, patience: float = PATIENCE
    ) -> None:
        self.application = application
        self.largest = largest
        self.patience = patience

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self.patience):
                first = await self._body(receive)
        except TimeoutError:
            await _too_slow(send)
            return
        handed = False

        async def replay() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return first

        await self.application(scope, replay, send)

    async def _body(self, receive: Receive) -> Message:
        """The whole body as one message; cut off where it is too long, `http.disconnect` as it came."""
        parts = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            parts += message.get("body", b"")
            if not message.get("more_body", False) or len(parts) > self.largest:
                return {"type": "http.request", "body": bytes(parts[: self.largest + 1]), "more_body": False}


async def _too_slow(send: Send) -> None:
    body = (
        b'{"errors":[{"type":"invalid_request","code":"request_timeout",'
        b'"message":"The body did not come in time.","attribute":null,"url":null}]}'
    )
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 408, "headers": headers})
    await send({"type": "http.response.body", "body": body})
