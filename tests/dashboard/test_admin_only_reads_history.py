"""Django's admin: records to look at; what a call did cannot be changed there."""

from __future__ import annotations

import pytest
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


def test_staff_of_a_project_are_not_let_in(world):
    client = Client()
    client.force_login(world.people["olga"])
    assert client.get("/admin/").status_code == 302
