"""HEAD passes every check for forged forms, as GET does: neither changes anything, on any page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from calling import models
from calling.dashboard.urls import pages
from calling.models import SavedSearch, StaffAction, StaffInvite
from subscribers.models import PhoneNumber, Project, Room, Subscriber
from tests.dashboard.fixtures import furnish
from tokens.models import ApiToken

# What these note is that somebody looked, which is why they are asked: not a change.
NOTED = {"export", "sip_trace", "sip_trace_file", "recording"}


def ways(world) -> list[str]:
    """Every path of the dashboard, with ids of rows that are there."""
    of = {"project": world.project}
    later = timezone.now() + timedelta(days=1)
    invite = StaffInvite.objects.create(**of, role="viewer", digest="x", invited_by="olga", expires_at=later)
    search = SavedSearch.objects.create(**of, user=world.people["root"], name="mine", query="q=bob")
    alert = models.Alert.objects.create(**of, kind="webhook_failing", to="ops@example.com")
    bob = world.subscribers["bob"].pk
    room = Room.objects.filter(**of).first().pk
    number = PhoneNumber.objects.filter(**of).first().pk
    known = {
        "call_id": world.calls["live"].pk,
        "leg_id": world.calls["live"].legs.first().pk,
        "subscriber_id": bob,
        "webhook_id": models.WebhookEndpoint.objects.first().pk,
        "delivery_id": models.Delivery.objects.first().pk,
        "room_id": room,
        "number_id": number,
        "key_id": ApiToken.objects.filter(**of, revoked_at=None).first().pk,
        "user_id": world.people["vera"].pk,
        "invite_id": invite.pk,
        "search_id": search.pk,
        "alert_id": alert.pk,
        "action": "hangup",
    }
    found = []
    for page in pages:
        route = str(page.pattern)
        if page.name not in NOTED:
            found.append(filled(route, {**known, "kind_name": "subscribers", "row_id": bob}))
    for kind, row in (("rooms", room), ("numbers", number)):
        found.append(filled("edit/<str:kind_name>/<str:row_id>/delete", {"kind_name": kind, "row_id": row}))
    return found


def filled(route: str, known: dict[str, object]) -> str:
    return "/dashboard/" + re.sub(r"<\w+:(\w+)>", lambda each: str(known.get(each[1], 1)), route)


def state(world) -> dict[str, object]:
    of = {"project": world.project}
    return {
        "calls": sorted(models.Call.objects.values_list("pk", "state")),
        "subscribers": set(Subscriber.objects.filter(**of).values_list("pk", flat=True)),
        "rooms": set(Room.objects.filter(**of).values_list("pk", "locked")),
        "numbers": set(PhoneNumber.objects.filter(**of).values_list("pk", "address_id")),
        "webhooks": set(models.WebhookEndpoint.objects.values_list("pk", "disabled_at", "secret")),
        "deliveries": models.Delivery.objects.count(),
        "keys": set(ApiToken.objects.values_list("pk", "revoked_at")),
        "roles": set(models.StaffRole.objects.values_list("user_id", "role")),
        "invites": StaffInvite.objects.count(),
        "searches": SavedSearch.objects.count(),
        "alerts": models.Alert.objects.count(),
        "projects": Project.objects.count(),
        "done": StaffAction.objects.exclude(action__startswith="login").count(),
    }


@pytest.mark.parametrize("method", ["head", "get"])
def test_neither_head_nor_get_changes_anything(world, settings, method):
    settings.CALLWRIGHT_EXAMINATION = "tests.dashboard.fixtures.examine"
    furnish(world)
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["root"])
    paths = ways(world)
    before = state(world)
    for path in paths:
        getattr(client, method)(path)
        assert state(world) == before, path


def test_a_page_is_answered_to_head_as_to_get(world):
    client = Client()
    client.force_login(world.people["olga"])
    bob = world.subscribers["bob"].pk
    for path in ("/dashboard/", "/dashboard/project", f"/dashboard/subscribers/{bob}"):
        answer = client.head(path)
        assert answer.status_code == 200 and answer.content == b""
    for _ in range(2 * 20):  # no try of a password
        answer = Client().head("/dashboard/login")
        assert answer.status_code == 200 and answer.content == b""


def test_every_page_of_the_dashboard_is_asked() -> None:
    assert len(pages) > 80 and get_resolver().resolve("/dashboard/").url_name == "live"
