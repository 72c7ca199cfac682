"""What every WebSocket consumer of ours begins with.

Channels closes old database connections before each frame and at the end, in the one thread that all of a
process share: a visit to it for every frame, and a queue when thousands of sockets come at once. Ours work
with the database in threads of their own (`calling.runtime.db_threads`), which give their connections back.
Must not live here: any protocol.
"""

from __future__ import annotations

from typing import Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer


class Socket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A consumer without a channel layer, and so without groups."""

    async def dispatch(self, message: dict[str, Any]) -> None:
        await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        await self.disconnect(message["code"])
        raise StopConsumer
