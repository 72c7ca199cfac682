"""`/dashboard/events`: tells a staff page that its project's log grew, so that it looks at once.

It says only how far the log is; what changed is fetched as the page's own HTML. The session's cookie is what
lets one in, so only this instance's own pages may open it (the Origin is the Host), and the session, the
role and the chosen project are looked at again every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.urls import path

from calling.calls import event_log
from calling.dashboard import access
from calling.runtime.db_threads import run_for_socket
from calling.sockets import hub
from calling.sockets.socket import Socket
from rest import errors

NOBODY = 4401
CALM_SECONDS = 0.25  # several changes in a quarter of a second are one
SEND_SECONDS = 10.0


def same_place(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the page that opens the socket comes from here (RFC 6455 section 10.2)."""
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    return len(origins) == len(hosts) == 1 and urlsplit(origins[0]).netloc.lower() == hosts[0].lower()


def session_key(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The session's key from the Cookie header."""
    for name, value in headers:
        if name == b"cookie":
            with contextlib.suppress(CookieError):
                found = SimpleCookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
                if found is not None:
                    return found.value
    return None


def project_of(key: str) -> UUID | None:
    """The project that the session's person looks at; None where they may look at none."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    person = session.get(SESSION_KEY)
    if person is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = User.objects.filter(pk=person, is_active=True).first()
    if user is None or session.get(HASH_SESSION_KEY) != user.get_session_auth_hash():
        return None
    staff = access.staff_for(user, session.get(access.CHOSEN))
    return staff.project.pk if staff else None


def head(project_id: UUID) -> int:
    """The last position of the project's log."""
    return event_log.head(project_id)


class LiveUpdatesConsumer(Socket):
    async def connect(self) -> None:
        self.telling: asyncio.Task[None] | None = None
        self.more = asyncio.Event()
        headers = list(self.scope.get("headers", ()))
        key = session_key(headers)
        project = await run_for_socket(project_of, key) if key and same_place(headers) else None
        if key is None or project is None:
            await self.refuse(errors.Forbidden())
            return
        self.key, self._project_id = key, project
        await self.accept()
        self.telling = asyncio.create_task(self.tell())
        hub.the_hub().readers.add(self)

    @property
    def project_id(self) -> UUID:
        return self._project_id

    def wake(self) -> None:
        self.more.set()

    async def check(self) -> None:
        """Signed out, another project chosen, a role taken: the page has to come again."""
        with contextlib.suppress(Exception):  # a database away says nothing about the session
            if await run_for_socket(project_of, self.key) != self._project_id:
                await self.close(NOBODY)

    async def tell(self) -> None:
        """One short frame each time the log is longer than what was told."""
        told = -1
        while True:
            self.more.clear()
            with contextlib.suppress(Exception):
                position = await run_for_socket(head, self._project_id)
                if position > told:
                    told = position
                    frame: dict[str, Any] = {"type": "changed", "cursor": str(position)}
                    await asyncio.wait_for(self.send(text_data=json.dumps(frame)), SEND_SECONDS)
            await asyncio.sleep(CALM_SECONDS)
            await self.more.wait()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page has nothing to say here."""
        await self.close(1008)

    async def disconnect(self, code: int) -> None:
        with contextlib.suppress(RuntimeError):
            hub.the_hub().readers.discard(self)
        if self.telling is not None:
            self.telling.cancel()
            await asyncio.gather(self.telling, return_exceptions=True)  # or it is destroyed pending


websocket_urlpatterns = [path("dashboard/events", LiveUpdatesConsumer.as_asgi())]
