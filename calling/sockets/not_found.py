"""A WebSocket at an unknown path: 404 in the handshake, without a traceback."""

from __future__ import annotations

from calling.sockets.socket import Socket
from rest import errors


class NotFound(Socket):
    async def connect(self) -> None:
        await self.refuse(errors.NotFound())
