"""`X-Request-Id` on every answer, also on those that Django never sees (408, and what its handler refuses).

The id is chosen here and handed on in the request's own header, so that Django's middleware finds the same.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from config.web.body_limits import Application, Message, Receive, Send
from rest import request_ids

NAME = request_ids.HEADER.lower().encode()


class RequestIds:
    """Outermost of HTTP."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        sent = next((value.decode("latin-1") for name, value in scope["headers"] if name == NAME), None)
        request_id = request_ids.chosen(sent)
        own = (NAME, request_id.encode())
        others = [(name, value) for name, value in scope["headers"] if name != NAME]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() != NAME]
                message = {**message, "headers": [*kept, own]}
            await send(message)

        with request_ids.of(request_id):
            await self.application({**scope, "headers": [*others, own]}, receive, answer)
