"""What every WebSocket consumer of ours begins with.

Channels closes old database connections before each frame and at the end, in the one thread that all of a
process share: a visit to it for every frame, and a queue when thousands of sockets come at once. Ours work
with the database in threads of their own (`calling.runtime.db_threads`), which give their connections back.
Must not live here: any protocol.
"""

from __future__ import annotations

import json
from typing import Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from rest import errors, links, request_ids


class Socket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A consumer without a channel layer, and so without groups."""

    async def dispatch(self, message: dict[str, Any]) -> None:
        await getattr(self, get_handler_name(message))(message)

    async def refuse(self, error: errors.ApiError) -> None:
        """Before `accept`: answer the handshake as REST would (docs/contract.md#errors)."""
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            await self.close()
            return
        sent = {name.lower(): value.decode("latin-1") for name, value in reversed(self.scope["headers"])}
        scheme = "https" if self.scope.get("scheme") == "wss" else "http"
        address = (self.scope.get("server") or ("",))[0]
        request_id = request_ids.chosen(sent.get(request_ids.HEADER.lower().encode()))
        with request_ids.of(request_id), links.by(links.base(scheme, sent.get(b"host", ""), address)):
            body = json.dumps(errors.body(error)).encode()
        headers = {
            "content-type": "application/json",
            request_ids.HEADER.lower(): request_id,
            **{name.lower(): value for name, value in error.headers.items()},
        }
        start = {
            "type": "websocket.http.response.start",
            "status": error.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self.base_send(start)
        await self.base_send({"type": "websocket.http.response.body", "body": body})

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        await self.disconnect(message["code"])
        raise StopConsumer
