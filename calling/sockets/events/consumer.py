"""`/ws/events`: a project's log as it grows, for its back end (docs/contract.md#events). Read-only.

One reader task per socket takes pages of the log and sends them one by one: the backlog and what is live are
the same reading, so there is no seam, and memory holds one page. A client that does not take a frame for ten
seconds is closed 4409 and comes back with its last cursor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

import clock
from calling.calls import event_log
from calling.commands import event_params
from calling.commands.params import InvalidParams, Params
from calling.runtime.db_threads import run_for_socket
from calling.runtime.token_bucket import TokenBucket
from calling.sockets import frames, hub, origin, patience
from calling.sockets.frames import BadFrame
from calling.sockets.phone.commands import error_for
from calling.sockets.socket import Socket
from calling.sockets.strangers import Stranger
from rest import errors
from tokens import key_scopes
from tokens.authentication import permit, subject_from_basic
from tokens.signing import InvalidToken

log = logging.getLogger(__name__)
AUTH_SECONDS = 5.0
SEND_SECONDS = 10.0
PAGE = 100
NO_KEY, RESYNC, FLOOD = 4401, 4409, 4429


@dataclass(frozen=True)
class Subscription:
    project_id: UUID
    api_token: str
    after: int
    types: tuple[str, ...]


def subscribe(fields: dict[str, Any], connected_at: datetime, source: str | None = None) -> Subscription:
    """Check the first frame. Without `after` the log starts where the socket was opened.

    Raises InvalidToken, Forbidden (`insufficient_scope`), InvalidParams, Gone (`cursor_expired`).
    """
    key = subject_from_basic(fields.get("project_id"), fields.get("api_token"), source)
    permit(key, key_scopes.READ)
    form = Params(fields)
    after, types = event_params.read_cursor(form), event_params.read_types(form)
    form.check()
    if after is None:
        after = event_log.at(key.project_id, connected_at)
    else:
        event_log.check_kept(key.project_id, after)
    return Subscription(key.project_id, fields["api_token"], after, types)


class EventsConsumer(Socket):
    async def connect(self) -> None:
        self.subscription: Subscription | None = None
        self.reading: asyncio.Task[None] | None = None
        self.more = asyncio.Event()
        self.closed = False
        # Clocks of web processes may differ by a little; an event too many is better than one too few.
        self.connected_at = clock.now() - timedelta(milliseconds=5)
        self.bucket = TokenBucket(
            settings.CALLWRIGHT_MESSAGES_PER_SECOND, settings.CALLWRIGHT_MESSAGES_BURST, clock.monotonic()
        )
        if not origin.allowed(self.scope):
            await self.refuse(origin.refusal())
            return
        await self.accept()
        self.stranger = Stranger(origin.source(self.scope))
        if not self.stranger.waits:
            await self.close_socket(FLOOD)
            return
        self.patience = asyncio.create_task(self.auth_deadline())

    async def auth_deadline(self) -> None:
        code = await patience.run_out(AUTH_SECONDS)
        if self.subscription is None:
            await self.close_socket(code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closed:
            return
        if not self.bucket.take(clock.monotonic()):
            await self.close_socket(FLOOD)
            return
        try:
            frame = frames.read(text_data)
        except BadFrame as bad:
            await self.tell(frames.error(bad.code, bad.message, bad.req_id))
            if self.subscription is None:
                await self.close_socket(NO_KEY)
            return
        if frame.type == "ping":
            await self.tell({"type": "pong", "req_id": frame.req_id})
        elif self.subscription is not None or frame.type != "auth":
            await self.tell(frames.error("unknown_type", "Nothing can be asked for here.", frame.req_id))
            if self.subscription is None:
                await self.close_socket(NO_KEY)
        else:
            await self.begin(frame)

    async def begin(self, frame: frames.Frame) -> None:
        self.patience.cancel()
        if not self.stranger.speak():
            await self.close_socket(patience.TRY_AGAIN)
            return
        try:
            self.subscription = await patience.judged(
                subscribe, frame.fields, self.connected_at, origin.source(self.scope)
            )
        except Exception as error:
            await self.tell(error_for(error, frame))
            expired = isinstance(error, errors.Gone | InvalidParams)
            await self.close_socket(RESYNC if expired else patience.close_code(error))
            return
        self.stranger.leave()
        self.reading = asyncio.create_task(self.read())
        hub.the_hub().readers.add(self)

    @property
    def project_id(self) -> UUID:
        assert self.subscription is not None
        return self.subscription.project_id

    def wake(self) -> None:
        self.more.set()

    async def check(self) -> None:
        """A revoked key closes the socket within two seconds."""
        found = self.subscription
        if found is None or self.closed:
            return
        try:
            await run_for_socket(subject_from_basic, str(found.project_id), found.api_token)
        except InvalidToken:
            await self.close_socket(NO_KEY)
        except Exception as error:  # a database away says nothing about the key
            log.warning("A key could not be checked", extra={"error": type(error).__name__})

    async def read(self) -> None:
        """Pages of the log until the socket closes; woken by nudges, and every two seconds by the hub."""
        found = self.subscription
        assert found is not None
        after = found.after
        while not self.closed:
            self.more.clear()
            try:
                entries, end = await run_for_socket(
                    event_log.following, found.project_id, after, PAGE, found.types
                )
            except Exception as error:
                log.warning("The log could not be read", extra={"error": type(error).__name__})
                await asyncio.sleep(1.0)
                continue
            try:
                for entry in entries:
                    await asyncio.wait_for(self.send(text_data=entry.frame()), SEND_SECONDS)
                    after = entry.position
            except TimeoutError:
                await self.close_socket(RESYNC)
                return
            except Exception:  # the connection is gone
                return
            if not entries:
                after = end
                await self.more.wait()

    async def tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.send(text_data=json.dumps(message)), SEND_SECONDS)

    async def close_socket(self, code: int) -> None:
        self.closed = True
        self.more.set()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.close(code), 5.0)

    async def disconnect(self, code: int) -> None:
        self.closed = True
        if hasattr(self, "stranger"):
            self.stranger.leave()
        with contextlib.suppress(RuntimeError):
            hub.the_hub().readers.discard(self)
        for task in (getattr(self, "patience", None), self.reading):
            if task is not None:
                task.cancel()
