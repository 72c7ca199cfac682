"""Listening in from the call's page: who may, what the page's script is answered, and the audit log."""

from __future__ import annotations

import pytest
from django.test import Client

from calling import models
from tests.dashboard.test_staff_act_on_calls_and_webhooks import cast, staff, talking  # noqa: F401
from tests.support import fake_worker
from tests.support.people import make_mallory


def post(client: Client, path: str, **body):
    return client.post(path, body, content_type="application/json")


@pytest.fixture
def path(talking) -> str:  # noqa: F811
    return f"/dashboard/calls/{talking}/listen"


def test_an_operator_listens_whispers_barges_and_leaves(cast, talking, path):  # noqa: F811
    client = staff(cast.project, "operator", "otto")
    assert isinstance(client.get(path).json()["ice_servers"], list)
    made = post(client, path, sdp=fake_worker.SDP, mode="listen").json()
    assert (made["role"], made["mode"]) == ("supervisor", "listen")
    fake_worker.answer_offers(made["supervising_call_id"])
    fake_worker.connect_media(made["supervising_call_id"])
    own = f"{path}/{made['id']}"
    assert client.get(own).json()["answer"]
    callee = fake_worker.leg_of(talking, "callee").id
    assert post(client, own, mode="whisper", leg=callee).json()["supervised_leg_id"] == callee
    assert post(client, own, mode="barge").json()["mode"] == "barge"
    assert post(client, f"{own}/stop").json() == {}
    assert models.Call.objects.get(pk=talking).state == "answered", "the call goes on"
    noted = models.StaffAction.objects.filter(subject=talking).order_by("id").values_list("name", "action")
    assert set(noted) == {("otto", "call.supervising"), ("otto", "call.supervising_ended")}
    page = client.get(f"/dashboard/calls/{talking}").content.decode()
    assert "call.supervising" in page and "by otto" in page
    assert [row.pk for row in client.get("/dashboard/").context["calls"]] == [models.Call.objects.first().pk]


def test_a_refusal_is_told_in_words(cast, path):  # noqa: F811
    client = staff(cast.project, "operator")
    wrong = post(client, path, sdp="no sdp")
    assert wrong.status_code == 422 and wrong.json()["error"]
    assert client.post(path, "{", content_type="application/json").status_code == 400
    assert post(client, path, sdp=fake_worker.SDP, mode="shout").status_code == 422


def test_nobody_else_may(cast, path):  # noqa: F811
    body = {"sdp": fake_worker.SDP}
    assert post(staff(cast.project, "viewer", "vera"), path, **body).status_code == 403
    assert post(staff(make_mallory().project, "owner", "mallory"), path, **body).status_code == 404
    assert post(Client(), path, **body).status_code == 302
    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = staff(cast.project, "operator", "otto").cookies
    assert post(guarded, path, **body).status_code == 403, "another site's page cannot ask"
    assert not models.Call.objects.exclude(supervises=None).exists()
