"""Every staff page opens for its roles, shows its project's rows, and hides everything of others."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

PAGES = (
    "/dashboard/",
    "/dashboard/calls",
    "/dashboard/charts",
    "/dashboard/webhooks",
    "/dashboard/subscribers",
    "/dashboard/rooms",
    "/dashboard/scripts",
    "/dashboard/alerts",
    "/dashboard/lines",
    "/dashboard/balance",
    "/dashboard/health",
    "/dashboard/audit",
    "/dashboard/second-factor",
)
PARTS = ("/dashboard/?part", "/dashboard/webhooks?part", "/dashboard/rooms?part", "/dashboard/health?part")


def signed_in(world, name: str) -> Client:
    client = Client()
    client.force_login(world.people[name])
    return client


@pytest.mark.parametrize("path", PAGES + PARTS)
def test_a_viewer_may_open_every_page(world, path):
    answer = signed_in(world, "vera").get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert " style=" not in answer.content.decode() and " onclick" not in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/calling/call/", "/api/docs", "/phone", "/dashboard/login", "/x"]
)
def test_no_page_runs_a_script_that_is_written_into_it(world, path):
    User.objects.create_superuser("root", password="a long enough password")
    client = Client()
    client.force_login(User.objects.get(username="root"))
    answer = client.get(path, HTTP_ACCEPT="text/html")
    if not answer["Content-Type"].startswith("text/html"):
        assert path == "/x", "an answer that is no page"
        return
    policy = answer["Content-Security-Policy"]
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in script and "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"<script(?![^>]*\b(src|type=.application/json))", answer.content.decode()) is None


@pytest.mark.parametrize("name", ["mallory", "nobody-at-all"])
def test_an_owner_is_told_the_same_of_a_name_elsewhere_and_of_a_new_one(world, name):
    """Whoever works in another project is not found out by giving them a role here."""
    client = signed_in(world, "olga")

    def post(**fields):
        answer = client.post("/dashboard/project/staff", {"username": name, **fields}, follow=True)
        words = [str(message) for message in answer.context["messages"]]
        return [word.replace(name, "NAME") for word in words], answer.content.decode().count(f">{name}<")

    weak, listed = post(role="viewer", password="short")
    assert weak[0].startswith("NAME is new here. ") and listed == 0
    assert post(role="viewer")[0][0].startswith("NAME is new here. ")
    assert post(role="none") == (["NAME has no role here."], 0)
    assert post(role="viewer", password="a password of olga's") == (["NAME is now viewer."], 1)
    assert post(role="operator") == (["NAME is now operator."], 1), "who is here needs none"
    assert User.objects.get(username="mallory").check_password("a long enough password")


def test_strangers_are_sent_to_the_door(world):
    for path in (*PAGES, "/dashboard/project", f"/dashboard/calls/{world.calls['live'].pk}"):
        answer = Client().get(path)
        assert answer.status_code == 302 and answer["Location"].startswith("/dashboard/login")


def test_each_part_of_another_project_is_not_there(world):
    from calling import models

    endpoint = models.WebhookEndpoint.objects.get()
    delivery = models.Delivery.objects.first()
    mallory = signed_in(world, "mallory")
    for path in (
        f"/dashboard/calls/{world.calls['live'].pk}",
        f"/dashboard/webhooks/{endpoint.pk}",
        f"/dashboard/deliveries/{delivery.pk}",
        f"/dashboard/subscribers/{world.subscribers['alice'].pk}",
        f"/dashboard/recordings/{world.calls['live'].pk}",
    ):
        assert mallory.get(path).status_code == 404, path
    assert mallory.post(f"/dashboard/calls/{world.calls['live'].pk}/hangup").status_code in (302, 404)
    assert models.Call.objects.get(pk=world.calls["live"].pk).state == "answered"
    for path in ("/dashboard/", "/dashboard/calls", "/dashboard/subscribers", "/dashboard/webhooks"):
        assert "/private/alice" not in mallory.get(path).content.decode()


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("vera", "calls/{call}/hangup", 403),
        ("vera", "subscribers/{alice}/token", 403),
        ("otto", "subscribers/{alice}/token", 403),
        ("otto", "subscribers/{alice}/revoke", 403),
        ("otto", "project/keys", 403),
        ("otto", "project/staff", 403),
        ("otto", "project/redaction", 403),
        ("olga", "project/new", 403),
        ("vera", "rooms/{call}/lock", 403),
        ("olga", "subscribers/{alice}/token", 302),
        ("olga", "project/keys", 302),
    ],
)
def test_each_role_may_do_just_what_is_its(world, name, path, status):
    path = path.format(call=world.calls["live"].pk, alice=world.subscribers["alice"].pk)
    assert signed_in(world, name).post(f"/dashboard/{path}").status_code == status


def test_a_form_from_elsewhere_is_refused(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["olga"])
    path = f"/dashboard/calls/{world.calls['live'].pk}/hangup"
    assert client.post(path).status_code == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=555123", {"ringing"}),
        ("q=sip:gone", {"failed"}),
        ("reason=failed", {"failed"}),
        ("reason=sip_503", {"failed"}),
        ("state=live", {"live", "ringing"}),
        ("q=nobody-of-that-name", set()),
        ("after=2099-01-01T00:00", set()),
        ("after=yesterday", {"live", "ringing", "over", "failed"}),
    ],
)
def test_calls_are_found_by_what_one_knows_of_them(world, query, found):
    rows = signed_in(world, "vera").get(f"/dashboard/calls?{query}").context["page"].rows
    assert {row.pk for row in rows} == {world.calls[name].pk for name in found}


def test_a_call_is_found_by_its_id_and_by_a_leg(world):
    vera = signed_in(world, "vera")
    row = world.calls["over"]
    for id in (row.pk, row.legs.first().pk):
        assert [found.pk for found in vera.get(f"/dashboard/calls?q={id}").context["page"].rows] == [row.pk]


def test_older_pages_follow_without_gap_or_repetition(world):
    from tests.dashboard.sample_data import call

    made = {call(world.project, "/private/alice", f"/private/x{n}", "ended", 30 + n).pk for n in range(60)}
    vera = signed_in(world, "vera")
    seen: list = []
    query = "q=/private/x"
    for _ in range(5):
        page = vera.get(f"/dashboard/calls?{query}").context["page"]
        seen += [row.pk for row in page.rows]
        query = page.more
        if not query:
            break
    assert len(seen) == 60 and set(seen) == made


def test_exports_carry_every_row_and_no_formula(world):
    from tests.dashboard.sample_data import call

    call(world.project, "=cmd|calc", "/private/bob", "ended", 5)
    answer = signed_in(world, "vera").get("/dashboard/export/calls.csv")
    text = b"".join(answer.streaming_content).decode()
    assert answer["X-Total-Rows"] == "5" and text.count("\r\n") == 6
    assert "'=cmd" in text and ",=cmd" not in text and "mallory" not in text
    head = text.split("\r\n")[0].split(",")
    assert {"from_name", "to_name", "duration_ms"} <= set(head) and "supervises" not in head
    events = signed_in(world, "vera").get("/dashboard/export/events.jsonl")
    assert len(b"".join(events.streaming_content).splitlines()) == int(events["X-Total-Rows"])
    assert signed_in(world, "vera").get("/dashboard/export/secrets.csv").status_code == 404


def test_wrong_ids_and_odd_values_are_never_a_fault(world):
    olga = signed_in(world, "olga")
    for path in (
        *("calls/x", "calls/%00", "webhooks/1", "subscribers/%F0%9F%98%80", "recordings/.."),
        *("calls?q=%00", "calls?before=zz", "calls?after=%00", "calls?reason=%00", "audit?before=-1"),
        *("subscribers?q=%00&start=99999999999", "subscribers?start=%C2%B2"),
    ):
        assert olga.get(f"/dashboard/{path}").status_code in (200, 404), path
