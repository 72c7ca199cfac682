"""Every admin list and form of the directory and the gate opens, and shows no secret."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from subscribers import provisioning
from subscribers.models import PhoneNumber, Subscriber
from tests.support.people import Cast, address_of, pair_for
from tests.support.rest_client import Api
from tokens.authentication import subject_from_token
from tokens.models import EmbedToken
from tokens.signing import InvalidToken

MODELS = [
    "subscribers/project", "subscribers/subscriber", "subscribers/address", "subscribers/room",
    "subscribers/script", "subscribers/sipendpoint", "subscribers/sipgateway", "subscribers/phonenumber",
    "tokens/apitoken", "tokens/issuedtoken", "tokens/embedtoken",
]  # fmt: skip


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@x.example", "a password"))
    return client


@pytest.fixture
def full(house: Cast, alice: Subscriber) -> Cast:
    provisioning.create_room(house.id, {"name": "daily"})
    provisioning.create_script(house.id, {"name": "menu", "contents": "x"})
    PhoneNumber.objects.create(project=house.project, number="+15551230001", address=address_of(alice))
    below = f"/api/fabric/resources/subscribers/{alice.pk}/sip_endpoints"
    house.api.post(below, {"username": "desk", "password": "phone password"})
    gateway = {"name": "T", "uri": "sip:x.example", "password": "trunk password"}
    house.api.post("/api/fabric/resources/sip_gateways", gateway)
    house.api.post("/api/fabric/embeds", {"address": "/private/alice"})
    pair_for(alice)
    return house


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_forms_open(staff: Client, full: Cast, model: str) -> None:
    from django.apps import apps

    listed = staff.get(f"/admin/{model}/")
    assert listed.status_code == 200
    row = apps.get_model(*model.split("/")).objects.first()
    form = staff.get(f"/admin/{model}/{row.pk}/change/")
    assert form.status_code == 200
    text = listed.content.decode() + form.content.decode()
    for secret in (full.api_token, full.project.signing_key, "phone password", "trunk password"):
        assert secret not in text


def test_deleting_a_subscriber_there_takes_its_address(staff: Client, full: Cast, alice: Subscriber) -> None:
    answer = staff.post(f"/admin/subscribers/subscriber/{alice.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert full.api.get("/api/fabric/addresses?name=alice").json()["data"] == []


def test_staff_revoke_an_embed_token_with_what_was_given_for_it(staff: Client, full: Cast) -> None:
    row = EmbedToken.objects.get()
    given = Api().post("/api/fabric/embeds/tokens", {"token": row.token}).json()["token"]
    staff.post("/admin/tokens/embedtoken/", {"action": "revoke", "_selected_action": [str(row.pk)]})
    row.refresh_from_db()
    assert row.revoked_at is not None
    with pytest.raises(InvalidToken):
        subject_from_token(given)
