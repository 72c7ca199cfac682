"""A push service for one Firefox: autopush's protocol towards the browser, RFC 8030 and 8292 towards senders.

It cannot read what it passes on. Must not live here: what a message means.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from types import TracebackType
from typing import Any
from uuid import uuid4

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec

Message = dict[str, Any]


class PushService:
    """`with PushService(listener) as service`: `service.url` is for `dom.push.serverURL`.

    While `held`, messages wait as for a browser that is away: of one topic, the newest replaces the older.
    `refused`: why senders were turned away; `passed`: when each message went to the browser; `unregistered`:
    how many subscriptions the browser has ended.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.host = f"127.0.0.1:{listener.getsockname()[1]}"
        self.url = f"ws://{self.host}/"
        self.held = False
        self.refused: list[str] = []
        self.passed: list[float] = []
        self.acknowledged = 0
        self.unregistered = 0
        self._keys: dict[str, str] = {}  # of senders, by channel (RFC 8292 section 4)
        self._waiting: dict[tuple[str, str], Message] = {}
        self._browser: Any = None

    def __enter__(self) -> PushService:
        config = uvicorn.Config(self._answer, interface="asgi3", lifespan="off", log_config=None)
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        serve = self._server._serve([self._listener])  # without the signal handlers of `serve`
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(serve,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._loop.close()

    def release(self) -> list[Message]:
        """Passes on what waits, and what comes from now on."""

        async def flush() -> list[Message]:
            self.held = False
            waiting = list(self._waiting.values())
            self._waiting.clear()
            for message in waiting:
                await self._pass(message)
            return waiting

        return asyncio.run_coroutine_threadsafe(flush(), self._loop).result(10)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._serve(receive, send)
            return
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        status = await self._take(scope["path"].rpartition("/")[2], dict(scope["headers"]), body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    # --- the browser ------------------------------------------------------------------------------

    async def _serve(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "push-notification"})
        self._browser = send
        while (frame := await receive())["type"] != "websocket.disconnect":
            message = json.loads(frame.get("text") or "{}")
            for answer in self._reply(message):
                await send({"type": "websocket.send", "text": json.dumps(answer)})

    def _reply(self, message: Message) -> list[Message]:
        kind, channel = message.get("messageType"), message.get("channelID")
        match kind:
            case None:
                return [{}]  # a ping
            case "hello":
                uaid = message.get("uaid") or uuid4().hex
                return [{"messageType": kind, "status": 200, "uaid": uaid, "use_webpush": True}]
            case "register":
                self._keys[str(channel)] = message["key"]
                endpoint = f"http://{self.host}/push/{channel}"
                return [{"messageType": kind, "status": 200, "channelID": channel, "pushEndpoint": endpoint}]
            case "unregister":
                self._keys.pop(str(channel), None)
                self.unregistered += 1
                return [{"messageType": kind, "status": 200, "channelID": channel}]
            case "ack":
                self.acknowledged += len(message["updates"])
        return []

    async def _pass(self, message: Message) -> None:
        self.passed.append(time.time())
        await self._browser({"type": "websocket.send", "text": json.dumps(message)})

    # --- senders ----------------------------------------------------------------------------------

    async def _take(self, channel: str, headers: dict[bytes, bytes], body: bytes) -> int:
        key = self._keys.get(channel)
        if key is None:
            return 410
        if (why := self._stranger(key, headers[b"authorization"].decode())) is not None:
            self.refused.append(why)
            return 403
        message = {
            "messageType": "notification",
            "channelID": channel,
            "version": uuid4().hex,
            "data": base64.urlsafe_b64encode(body).rstrip(b"=").decode(),
            "headers": {"encoding": headers[b"content-encoding"].decode()},
            "ttl": int(headers[b"ttl"]),
        }
        if self.held:
            self._waiting[channel, headers[b"topic"].decode()] = message
        else:
            await self._pass(message)
        return 201

    def _stranger(self, key: str, authorization: str) -> str | None:
        """Why this is not the sender whose key the browser subscribed with."""
        scheme, _, words = authorization.partition(" ")
        said = dict(word.strip().split("=", 1) for word in words.split(","))
        point = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
        if scheme != "vapid" or said["k"].rstrip("=") != key.rstrip("="):
            return f"another key: {authorization}"
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        try:
            jwt.decode(said["t"], public, algorithms=["ES256"], audience=f"http://{self.host}")
        except jwt.InvalidTokenError as error:
            return str(error)
        return None
