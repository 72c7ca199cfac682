"""A WebSocket at a path where there is none: refused in the handshake, without a traceback."""

from __future__ import annotations

from calling.sockets.socket import Socket


class NotFound(Socket):
    async def connect(self) -> None:
        await self.close()
