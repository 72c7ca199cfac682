"""`/dashboard/events`: a staff page is told that the log grew; strangers and foreign pages are not let in."""

from __future__ import annotations

import json
import time

import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from calling import models
from calling.calls import control
from calling.webhooks import publish
from tests.support import people
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True)]


def cookie(user: object) -> str:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client.cookies["sessionid"].value


def vera(cast: Cast, role: str = "viewer") -> object:
    from django.contrib.auth.models import User

    user = User.objects.create_user("vera")
    models.StaffRole.objects.create(user=user, project=cast.project, role=role)
    return user


def opened(port: int, session: str | None, origin: str | None = "") -> ClientConnection:
    own = f"http://127.0.0.1:{port}"
    headers = {"Cookie": f"theme=dark; sessionid={session}"} if session else {}
    return connect(
        f"ws://127.0.0.1:{port}/dashboard/events",
        additional_headers=headers,
        origin=own if origin == "" else origin,  # type: ignore[arg-type]
        open_timeout=5,
        close_timeout=0.3,
    )


def say(cast: Cast) -> None:
    control.record_project_event(cast.project.id, "webhook.disabled", {"n": "1"})
    publish.publish_round()


def position(socket: ClientConnection) -> int:
    frame = json.loads(socket.recv(timeout=5))
    assert set(frame) == {"type", "cursor"} and frame["type"] == "changed"
    return int(frame["cursor"])


def test_a_page_is_told_at_once_that_the_log_grew(port: int, cast: Cast) -> None:
    with opened(port, cookie(vera(cast))) as socket:
        begun = position(socket)
        say(cast)
        assert position(socket) == begun + 1


def test_another_projects_events_are_not_told(port: int, cast: Cast) -> None:
    mallory = people.make_mallory()
    with opened(port, cookie(vera(cast))) as socket:
        begun = position(socket)
        control.record_project_event(mallory.project.id, "webhook.disabled", {"n": "1"})
        publish.publish_round()
        say(cast)
        assert position(socket) == begun + 1
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.8)


@pytest.mark.parametrize("origin", [None, "https://mallory.example", "null"])
def test_a_foreign_page_is_not_let_in_even_with_the_cookie(port: int, cast: Cast, origin: str | None) -> None:
    session = cookie(vera(cast))
    with pytest.raises(InvalidStatus):
        opened(port, session, origin)


def test_strangers_and_people_without_a_role_are_not_let_in(port: int, cast: Cast) -> None:
    from django.contrib.auth.models import User

    for session in (None, "x" * 32, cookie(User.objects.create_user("nobody"))):
        with pytest.raises(InvalidStatus):
            opened(port, session)


def test_a_role_that_is_taken_closes_the_socket(port: int, cast: Cast) -> None:
    user = vera(cast)
    with opened(port, cookie(user)) as socket:
        position(socket)
        models.StaffRole.objects.filter(user=user).delete()
        deadline = time.monotonic() + 10
        with pytest.raises(ConnectionClosed):
            while time.monotonic() < deadline:
                socket.recv(timeout=10)
        assert socket.protocol.close_code == 4401


def test_a_page_has_nothing_to_say(port: int, cast: Cast) -> None:
    with opened(port, cookie(vera(cast))) as socket:
        position(socket)
        socket.send("{}")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
