"""A WebSocket at a path where there is none: refused in the handshake, without a traceback."""

from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer


class NotFound(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        await self.close()
