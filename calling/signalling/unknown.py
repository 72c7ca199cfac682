"""A WebSocket at a path where there is none: refused in the handshake, without a traceback."""

from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer


class UnknownPath(AsyncWebsocketConsumer):  # type: ignore[misc]
    channel_layer_alias = "none"

    async def connect(self) -> None:
        await self.close()
