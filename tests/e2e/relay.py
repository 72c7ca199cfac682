"""A relay between a process under test and an engine; it can be cut and mended: an outage, no restart."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from django.db import connection


def test_database() -> str:
    return str(connection.settings_dict["NAME"])


test_database.__test__ = False  # type: ignore[attr-defined]


class Relay:
    """Listens on loopback for one engine given by its URL (a unix socket or host and port)."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._target = target_of(url)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._open = True
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._thread.join(5)
        self.cut()
        self._listening.close()

    @property
    def url(self) -> str:
        """The engine's URL by way of the relay (Redis)."""
        return f"redis://127.0.0.1:{self.port}/0"

    def url_for(self, database: str) -> str:
        """The same for a PostgreSQL database."""
        user, _, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(("postgresql", f"{user}@127.0.0.1:{self.port}", f"/{database}", "", ""))

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        with self._lock:
            self._open = False
            for one in list(self._pairs):
                self._drop(one)

    def mend(self) -> None:
        self._open = True

    def _drop(self, one: socket.socket) -> None:
        for end in (one, self._pairs.pop(one, None)):
            if end is not None:
                self._pairs.pop(end, None)
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(end)
                end.close()

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.1):
                with self._lock:
                    if key.fileobj is self._listening:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket):
                        self._pass_on(key.fileobj)

    def _accept(self) -> None:
        near, _ = self._listening.accept()
        if not self._open:
            near.close()
            return
        far = connect(self._target)
        self._pairs[near], self._pairs[far] = far, near
        self._selector.register(near, selectors.EVENT_READ)
        self._selector.register(far, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        other = self._pairs.get(one)
        try:
            data = one.recv(65536)
            if other is not None and data:
                other.sendall(data)
                return
        except OSError:
            pass
        self._drop(one)


def target_of(url: str) -> str | tuple[str, int]:
    """A socket path, or host and port."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    host = dict(parse_qsl(parts.query)).get("host") or unquote(parts.hostname or "127.0.0.1")
    port = parts.port or (6379 if parts.scheme.startswith("redis") else 5432)
    return os.path.join(host, f".s.PGSQL.{port}") if host.startswith("/") else (host, port)


def connect(target: str | tuple[str, int]) -> socket.socket:
    if isinstance(target, tuple):
        return socket.create_connection(target)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.connect(target)
    return made
