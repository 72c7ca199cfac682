"""What a request works with is removed by another one at the same moment: its answer is what it would be a
moment later, never a fault of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from calling.commands import routing
from subscribers import assignment, provisioning
from subscribers.models import Address, Script, SipEndpoint
from tests.support import fake_worker, rest_client
from tests.support.meanwhile import open_for_a_while
from tokens.models import EmbedToken, IssuedToken

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def given_meanwhile(row: Model) -> Iterator[None]:
    """That row is written by a transaction which holds what it refers to, and is committed a while later."""

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        row.save(force_insert=True)

    with open_for_a_while(write):
        yield


def test_a_token_is_issued_for_whoever_goes(cast) -> None:
    """The reference is unknown then: a new subscriber has it."""
    before = cast.bob.subscriber.pk
    with open_for_a_while(lambda: provisioning.remove(cast.bob.subscriber)):
        answer = cast.rest.post("/api/fabric/subscribers/tokens", {"reference": "bob"})
    assert answer.status_code == 200 and answer.json()["subscriber_id"] != str(before)


def test_an_endpoint_is_made_for_whoever_goes(cast) -> None:
    path = f"/api/fabric/resources/subscribers/{cast.bob.subscriber.pk}/sip_endpoints"
    with open_for_a_while(lambda: provisioning.remove(cast.bob.subscriber)):
        answer = cast.rest.post(path, {"username": "bobphone", "password": "a long password"})
    rest_client.error_of(answer, 404)


def test_a_subscriber_goes_who_is_just_given_a_phone(cast) -> None:
    bob = cast.bob.subscriber
    phone = SipEndpoint(project=cast.project, subscriber=bob, username="bobphone", ha1_md5="", ha1_sha256="")
    with given_meanwhile(phone):
        assert cast.rest.delete(f"/api/fabric/resources/subscribers/{bob.pk}").status_code == 204


def test_a_subscriber_goes_who_is_just_given_a_token(cast) -> None:
    bob, later = cast.bob.subscriber, timezone.now() + timedelta(hours=1)
    kept = {"family": uuid4(), "kind": "subscriber", "typ": "SAT", "expires_at": later}
    with given_meanwhile(IssuedToken(project=cast.project, subscriber=bob, **kept)):
        assert cast.rest.delete(f"/api/fabric/resources/subscribers/{bob.pk}").status_code == 204


def test_a_room_goes_that_is_just_embedded(cast) -> None:
    room = cast.rest.post("/api/fabric/resources/conference_rooms", {"name": "standup"}).json()["id"]
    with given_meanwhile(EmbedToken(project=cast.project, address=Address.objects.get(resource_id=room))):
        assert cast.rest.delete(f"/api/fabric/resources/conference_rooms/{room}").status_code == 204


def test_a_number_is_led_to_what_goes(cast) -> None:
    assignment.assign("+46701740605", cast.project)
    number = cast.rest.post("/api/phone_numbers", {"number": "+46701740605"}).json()
    with open_for_a_while(lambda: provisioning.remove(cast.bob.subscriber)):
        answer = cast.rest.patch(f"/api/phone_numbers/{number['id']}", {"address": "/private/bob"})
    rest_client.error_of(answer, 422)


@pytest.mark.parametrize("to", ["/private/bob", "/public/menu"])
def test_who_is_dialled_goes(cast, monkeypatch, to) -> None:
    menu = cast.rest.post(
        "/api/fabric/resources/swml_scripts", {"name": "menu", "contents": fake_worker.SCRIPT}
    )
    rows = {"/private/bob": cast.bob.subscriber, "/public/menu": Script.objects.get(pk=menu.json()["id"])}
    resolve: Callable[..., object] = routing.resolve

    def resolve_and_go(*args: object) -> object:
        found = resolve(*args)
        provisioning.remove(rows[to])
        return found

    monkeypatch.setattr(routing, "resolve", resolve_and_go)
    answer = cast.rest.post("/api/calls", {"to": to, "script": fake_worker.SCRIPT})
    rest_client.error_of(answer, 404)
