"""Django's admin: records to look at; what a call did cannot be changed there."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client

HISTORY = ("call", "event", "recording", "mediaworker", "staffaction")


@pytest.fixture
def administrator(world) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


@pytest.mark.parametrize("model", [*HISTORY, "webhookendpoint", "staffrole"])
def test_each_list_opens(administrator, model):
    assert administrator.get(f"/admin/calling/{model}/").status_code == 200


@pytest.mark.parametrize("model", HISTORY)
def test_history_can_be_neither_added_nor_changed(administrator, world, model):
    assert administrator.get(f"/admin/calling/{model}/add/").status_code == 403
    row = world.calls["over"]
    if model == "call":
        page = administrator.get(f"/admin/calling/call/{row.pk}/change/")
        assert page.status_code == 200 and 'name="_save"' not in page.content.decode()
        assert (
            administrator.post(f"/admin/calling/call/{row.pk}/change/", {"state": "created"}).status_code
            == 403
        )
        assert administrator.post(f"/admin/calling/call/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_no_list_tells_a_webhooks_secret(administrator, world):
    from calling.models import WebhookEndpoint

    row = WebhookEndpoint.objects.get()
    WebhookEndpoint.objects.update(secret="sealed-and-secret")
    for path in ("", f"{row.pk}/change/"):
        text = administrator.get(f"/admin/calling/webhookendpoint/{path}").content.decode()
        assert "sealed-and-secret" not in text


@pytest.mark.parametrize("kind", ["passkey", "identity"])
def test_a_way_in_is_taken_away_and_never_added(administrator, world, kind):
    vera = world.people["vera"]
    if kind == "passkey":
        path = "/admin/mfa/authenticator/"
        data = {"name": "Laptop", "credential": {"id": "part-of-the-key"}}
        row = Authenticator.objects.create(user=vera, type=Authenticator.Type.WEBAUTHN, data=data)
    else:
        path = "/admin/socialaccount/socialaccount/"
        row = SocialAccount.objects.create(
            user=vera, provider="oidc", uid="part-of-the-key", extra_data={"email": "Laptop"}
        )
    assert administrator.get(path + "add/").status_code == 403
    for page in (path, f"{path}{row.pk}/change/"):
        text = administrator.get(page).content.decode()
        assert "Laptop" in text and "part-of-the-key" not in text and 'name="_save"' not in text
    assert administrator.post(f"{path}{row.pk}/change/", {"user": 1}).status_code == 403
    assert administrator.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not type(row).objects.exists()


def test_staff_of_a_project_are_not_let_in(world):
    client = Client()
    client.force_login(world.people["olga"])
    assert client.get("/admin/").status_code == 302
