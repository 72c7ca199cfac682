"""A change of what another request removes at the same moment is 404, and does not bring it back."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from subscribers import assignment
from subscribers.models import PhoneNumber, Room, Script, SipEndpoint, SipGateway, Subscriber
from tests.support import fake_worker, rest_client
from tests.support.meanwhile import open_for_a_while
from tests.support.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)

RESOURCES = "/api/fabric/resources"
MADE: dict[str, tuple[str, dict[str, Any], dict[str, Any], type]] = {
    "subscriber": (
        f"{RESOURCES}/subscribers",
        {"email": "dora@example.com"},
        {"display_name": "D"},
        Subscriber,
    ),
    "room": (f"{RESOURCES}/conference_rooms", {"name": "standup"}, {"display_name": "Standup"}, Room),
    "script": (
        f"{RESOURCES}/swml_scripts",
        {"name": "menu", "contents": fake_worker.SCRIPT},
        {"name": "Menu"},
        Script,
    ),
    "gateway": (
        f"{RESOURCES}/sip_gateways",
        {"name": "out", "uri": "sip.example.org", "prefixes": ["+1"]},
        {"name": "Out"},
        SipGateway,
    ),
    "number": ("/api/phone_numbers", {"number": "+46701740605"}, {"name": "Desk"}, PhoneNumber),
    "webhook": (
        "/api/webhooks",
        {"url": "http://127.0.0.1:9/", "events": ["*"]},
        {"description": "Mine"},
        models.WebhookEndpoint,
    ),
}


@pytest.fixture
def row(cast: Cast, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], Any]:
    """The path of something that was just made, a change of it, and its row."""
    path, made, change, model = MADE[request.param]
    if request.param == "number":
        assignment.assign("+46701740605", cast.project)
    answer = cast.rest.post(path, made)
    assert answer.status_code in (200, 201), answer.content
    found = answer.json()["id"]
    return f"{path}/{found}", change, model.objects.get(pk=found)


@pytest.mark.parametrize("row", MADE, indirect=True)
def test_a_change_does_not_bring_it_back(cast: Cast, row: tuple[str, dict[str, Any], Any]) -> None:
    path, change, there = row
    change_by = cast.rest.put if "/resources/" in path or "numbers" in path else cast.rest.patch
    with open_for_a_while(lambda: type(there).objects.filter(pk=there.pk).delete()):
        answer = change_by(path, change)
    rest_client.error_of(answer, 404)
    assert not type(there).objects.filter(pk=there.pk).exists()


def test_a_webhook_that_goes_has_no_new_secret(cast: Cast) -> None:
    made = cast.rest.post("/api/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]}).json()
    there = models.WebhookEndpoint.objects.filter(pk=made["id"])
    with open_for_a_while(there.delete):
        answer = cast.rest.post(f"/api/webhooks/{made['id']}/rotate_secret", {})
    rest_client.error_of(answer, 404)


def test_a_phone_that_goes_does_not_come_back(cast: Cast) -> None:
    path = f"{RESOURCES}/subscribers/{cast.bob.subscriber.pk}/sip_endpoints"
    made = cast.rest.post(path, {"username": "bobphone", "password": "a long password"}).json()
    there = SipEndpoint.objects.filter(pk=made["id"])
    with open_for_a_while(there.delete):
        answer = cast.rest.put(f"{path}/{made['id']}", {"caller_id": "Bob"})
    rest_client.error_of(answer, 404)
    assert not there.exists()


KEPT = {
    "subscriber": {"max_calls": 7},
    "room": {"locked": True},
    "gateway": {"enabled": False},
}


@pytest.mark.parametrize("row", KEPT, indirect=True)
def test_what_another_changes_meanwhile_is_kept(
    cast: Cast, row: tuple[str, dict[str, Any], Any], request: pytest.FixtureRequest
) -> None:
    path, change, there = row
    kept = KEPT[request.node.callspec.params["row"]]
    same = type(there).objects.filter(pk=there.pk)
    with open_for_a_while(lambda: same.update(**kept)):
        assert cast.rest.put(path, change).status_code == 200
    assert same.filter(**kept, **change).exists()
