"""A device on a real socket, in a blocking style: one line per thing it does or hears."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from calling import models
from tests.support.fake_worker import SDP
from tests.support.people import Person

_numbers = itertools.count(1)
OPEN: list[Phone] = []


def close_all() -> None:
    """End every socket of a test, and wait until the server has done with them: nothing writes any more."""
    phones, OPEN[:] = list(OPEN), []
    for phone in phones:
        phone.close()
    ids = [phone.device_id for phone in phones if phone.device_id]
    end, still = time.monotonic() + 5, 0
    while still < 3 and time.monotonic() < end:
        waits = models.Device.objects.filter(pk__in=ids, online_until__isnull=False).exists()
        still = 0 if waits or database_is_busy() else still + 1
        time.sleep(0.01)


def database_is_busy() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return bool(cursor.fetchone()[0])


class Phone:
    """One socket of `/ws/phone`. Every message heard is kept in `heard`."""

    def __init__(self, port: int, person: Person | None = None, device_id: str | None = None) -> None:
        self.port = port
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{port}/ws/phone", open_timeout=5, legacy=True, close_timeout=0.3
        )
        self.heard: list[dict[str, Any]] = []
        self.device_id = device_id
        OPEN.append(self)
        if person is not None:
            self.authenticate(person.token, device_id)

    def authenticate(self, token: str, device_id: str | None = None) -> dict[str, Any]:
        extra = {"device_id": device_id} if device_id else {}
        self.send("auth", token=token, **extra)
        hello = self.expect("auth.ok")
        self.device_id = hello["device_id"]
        return hello

    def send(self, type: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": type, **fields}))

    def send_text(self, text: str | bytes) -> None:
        self.socket.send(text)

    def next(self, seconds: float = 5.0) -> dict[str, Any]:
        message = json.loads(self.socket.recv(timeout=seconds))
        self.heard.append(message)
        return message

    def expect(self, type: str, seconds: float = 5.0, **fields: Any) -> dict[str, Any]:
        """The very next message must be of that type and carry those fields."""
        message = self.next(seconds)
        assert message["type"] == type, message
        for name, value in fields.items():
            assert message[name] == value, message
        return message

    def refused(self, code: str, **fields: Any) -> dict[str, Any]:
        return self.expect("error", code=code, **fields)

    def quiet(self) -> None:
        """Nothing waits to be heard: a ping is answered first."""
        mark = f"quiet-{next(_numbers)}"
        self.send("ping", req_id=mark)
        self.expect("pong", req_id=mark)

    def silent_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                message = self.next(left)
            except TimeoutError:
                return
            raise AssertionError(message)

    def create(self, destination: str, **fields: Any) -> str:
        self.send("call.create", **{"req_id": "c1", "destination": destination, "sdp": SDP, **fields})
        return str(self.expect("call.trying", req_id=fields.get("req_id", "c1"))["call_id"])

    def closed_with(self, seconds: float = 8.0) -> int:
        """The code with which the server closes, whatever it still says."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.next(max(0.01, end - time.monotonic()))
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                return closed.rcvd.code

    def drop(self) -> None:
        """The network goes away: no closing handshake."""
        self.socket.socket.close()

    def close(self) -> None:
        self.socket.close()
