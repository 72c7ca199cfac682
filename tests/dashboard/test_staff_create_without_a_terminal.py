"""Owners create, change and delete what a project has. The API's own checks decide; each act is audited."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from calling import models
from subscribers.models import (
    Address,
    PhoneNumber,
    Project,
    Room,
    Script,
    SipEndpoint,
    SipGateway,
    Subscriber,
)
from tests.dashboard.test_staff_pages_open import signed_in

SCRIPT = "version: 1.0.0\nsections:\n  main:\n    - answer\n    - hangup\n"
NEW = {
    "subscribers": {"display_name": "Dora Drake", "email": "dora@example.com", "extension": "204"},
    "rooms": {"name": "board", "display_name": "Board room", "video": "on", "context": "private"},
    "gateways": {"name": "Second", "uri": "sip:sip.example.org:5080;transport=tcp", "prefixes": "+1, +44",
                 "enabled": "on"},
    "endpoints": {"username": "desk-7", "password": "a long password"},
    "scripts": {"name": "Greeting", "contents": SCRIPT},
}  # fmt: skip
CHANGED = {
    "subscribers": ({"display_name": "Dora D."}, Subscriber, "display_name"),
    "rooms": ({"display_name": "Board"}, Room, "display_name"),
    "gateways": ({"name": "Third"}, SipGateway, "name"),
    "endpoints": ({"caller_id": "Desk"}, SipEndpoint, "caller_id"),
    "scripts": ({"name": "Hello"}, Script, "name"),
}


def newest(model: type, project: Project):
    return model.objects.filter(project=project).order_by("-created_at").first()


@pytest.mark.parametrize("kind", NEW)
def test_an_owner_creates_changes_and_deletes(world, kind):
    olga = signed_in(world, "olga")
    change, model, column = CHANGED[kind]
    assert olga.get(f"/dashboard/new/{kind}").status_code == 200
    made = olga.post(f"/dashboard/new/{kind}", NEW[kind], follow=True)
    assert "was created" in made.content.decode()
    row = newest(model, world.project)
    page = olga.get(f"/dashboard/edit/{kind}/{row.pk}")
    assert page.status_code == 200
    held = {field.name: field.value for field in [*page.context["fields"], *page.context["more"]]}
    olga.post(f"/dashboard/edit/{kind}/{row.pk}", held | change)
    row.refresh_from_db()
    assert getattr(row, column) == change[column]
    asked = olga.get(f"/dashboard/edit/{kind}/{row.pk}/delete")
    assert "Delete the" in asked.content.decode() and model.objects.filter(pk=row.pk).exists()
    olga.post(f"/dashboard/edit/{kind}/{row.pk}/delete")
    assert not model.objects.filter(pk=row.pk).exists()
    did = list(models.StaffAction.objects.order_by("id").values_list("action", "subject"))
    word = kind.removesuffix("s")
    assert did == [(f"{word}.{verb}", str(row.pk)) for verb in ("create", "change", "delete")]


@pytest.mark.parametrize("kind", NEW)
def test_a_form_that_is_saved_as_it_is_changes_nothing(world, kind):
    olga = signed_in(world, "olga")
    olga.post(f"/dashboard/new/{kind}", NEW[kind])
    model = CHANGED[kind][1]
    row = newest(model, world.project)
    before = model.objects.filter(pk=row.pk).values().get()
    page = olga.get(f"/dashboard/edit/{kind}/{row.pk}")
    held = {field.name: field.value for field in [*page.context["fields"], *page.context["more"]]}
    answer = olga.post(f"/dashboard/edit/{kind}/{row.pk}", held)
    assert answer.status_code == 302, "what a form shows is what the API takes"
    after = model.objects.filter(pk=row.pk).values().get()
    assert {**after, "updated_at": 0} == {**before, "updated_at": 0}


@pytest.mark.parametrize("kind", [*NEW, "numbers"])
def test_nobody_else_may(world, kind):
    for name in ("vera", "otto"):
        status = 302 if (kind, name) == ("rooms", "otto") else 403
        assert signed_in(world, name).post(f"/dashboard/new/{kind}", NEW.get(kind, {})).status_code == status
    row = newest(CHANGED[kind][1], world.project) if kind in CHANGED else PhoneNumber.objects.get()
    if row is not None:
        mallory = signed_in(world, "mallory")
        for path in (f"/dashboard/edit/{kind}/{row.pk}", f"/dashboard/edit/{kind}/{row.pk}/delete"):
            assert mallory.get(path).status_code == 404
            assert mallory.post(path, {"name": "mine"}).status_code == 404
        assert type(row).objects.filter(pk=row.pk).exists()


def test_a_mistake_is_told_at_its_field_and_what_was_typed_stays(world):
    olga = signed_in(world, "olga")
    answer = olga.post(
        "/dashboard/new/subscribers", {"display_name": "Eve", "email": "no mail", "extension": "x"}
    )
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Must be an email address." in text and "An extension is 2 to 10 digits." in text
    assert 'value="Eve"' in text and 'value="no mail"' in text
    assert text.count('aria-invalid="true"') == 2
    assert not Subscriber.objects.filter(display_name="Eve").exists()


def test_a_taken_extension_is_told_at_its_field(world):
    answer = signed_in(world, "olga").post(
        "/dashboard/new/subscribers", {"email": "eve@example.com", "extension": "101"}
    )
    errors = {field.name: field.error for field in answer.context["fields"]}
    assert answer.status_code == 422 and errors["extension"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SCRIPT.replace("hangup", "hangupp"), 5),
        ("version: 1.0.0\nsections:\n  main:\n    - play:\n        url: 5\n", 5),
        ("version: 1.0.0\nsections:\n  main:\n    - answer\n   - hangup\n", 5),
        ('{"version": "1.0.0",\n "sections": {"main": [\n  "answer",\n  {"plya": {}}\n ]}}', 4),
    ],
)
def test_a_script_with_a_mistake_is_refused_with_its_line(world, text, line):
    olga = signed_in(world, "olga")
    answer = olga.post("/dashboard/new/scripts", {"name": "Wrong", "contents": text})
    error = next(field.error for field in answer.context["fields"] if field.name == "contents")
    assert answer.status_code == 422 and re.search(rf"\bline {line}\b", error, re.I), error
    assert not Script.objects.exists()


def test_a_number_is_added_routed_and_removed(world):
    Project.objects.filter(pk=world.project.pk).update(trusted=True)
    olga = signed_in(world, "olga")
    bob = Address.objects.get(project=world.project, name="bob")
    olga.post("/dashboard/new/numbers", {"number": "+15550177", "name": "Sales", "address_id": str(bob.pk)})
    row = PhoneNumber.objects.get(number="+15550177")
    assert (row.name, row.address) == ("Sales", bob)
    olga.post(f"/dashboard/edit/numbers/{row.pk}", {"number": "+15550177", "name": "Sales", "address_id": ""})
    row.refresh_from_db()
    assert row.address is None
    olga.post(f"/dashboard/edit/numbers/{row.pk}/delete")
    assert not PhoneNumber.objects.filter(number="+15550177").exists()


def test_a_number_that_is_not_assigned_is_refused_as_the_api_refuses_it(world):
    answer = signed_in(world, "olga").post("/dashboard/new/numbers", {"number": "+15550177"})
    assert "not assigned to the project" in answer.content.decode()
    assert not PhoneNumber.objects.filter(number="+15550177").exists()


@pytest.mark.parametrize("kind", [*NEW, "numbers"])
def test_a_form_of_something_new_speaks_of_nothing_that_was_before(world, kind):
    text = signed_in(world, "olga").get(f"/dashboard/new/{kind}").content.decode()
    assert "<form" in text and "the present one" not in text and "New password" not in text


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("gateways", "sealed_password"), ("endpoints", "ha1_sha256"), ("subscribers", "reference")],
)
def test_what_stays_where_its_field_is_left_empty_is_said_by_the_form(world, kind, kept):
    olga, model = signed_in(world, "olga"), CHANGED[kind][1]
    given = NEW[kind] | {"password": "a long password", "username": "desk-7", "reference": "dora-7"}
    olga.post(f"/dashboard/new/{kind}", given)
    before = newest(model, world.project)
    path = f"/dashboard/edit/{kind}/{before.pk}"
    assert "Leave empty to keep the present one." in olga.get(path).content.decode()
    olga.post(path, given | {"password": "", "reference": ""})
    after = newest(model, world.project)
    assert getattr(after, kept) == getattr(before, kept) != ""


def test_a_sip_phone_without_a_password_gets_one_that_is_shown_once(world):
    page = signed_in(world, "olga").post("/dashboard/new/endpoints", {"username": "desk-8"}, follow=True)
    assert "shown this once" in page.content.decode()
    assert SipEndpoint.objects.get(username="desk-8").ha1_sha256


def test_a_sign_in_link_opens_the_subscribers_phone(world):
    alice = world.subscribers["alice"]
    page = signed_in(world, "olga").post(
        f"/dashboard/subscribers/{alice.pk}/token", {"link": "1", "hours": "24"}, follow=True
    )
    link = page.context["issued_link"]
    assert re.fullmatch(r"http://testserver/phone#token=[\w.-]+&refresh=[\w.-]+", link)
    again = signed_in(world, "olga").get(f"/dashboard/subscribers/{alice.pk}")
    assert "token=" not in again.content.decode()


def test_a_webhook_is_added_with_a_secret_shown_once_then_changed_rotated_and_deleted(world):
    models.WebhookEndpoint.objects.all().delete()
    olga = signed_in(world, "olga")
    wrong = olga.post("/dashboard/webhooks/new", {"url": "ftp://x", "events": "calls.*"})
    assert wrong.status_code == 422 and set(wrong.context["wrong"]) == {"url", "events"}
    new = {"url": "https://hooks.example.com/a", "events": "call.* record.*"}
    page = olga.post("/dashboard/webhooks/new", new, follow=True)
    row = models.WebhookEndpoint.objects.get()
    secret = page.context["secret"]
    assert secret.startswith("whsec_") and row.events == ["call.*", "record.*"]
    assert secret not in olga.get(f"/dashboard/webhooks/{row.pk}").content.decode()
    olga.post(f"/dashboard/webhooks/{row.pk}/edit", new | {"events": "call.ended", "description": "billing"})
    row.refresh_from_db()
    assert (row.events, row.description) == (["call.ended"], "billing")
    rotated = olga.post(f"/dashboard/webhooks/{row.pk}/rotate", follow=True).context["secret"]
    assert rotated.startswith("whsec_") and rotated != secret
    assert "Delete the webhook" in olga.get(f"/dashboard/webhooks/{row.pk}/delete").content.decode()
    olga.post(f"/dashboard/webhooks/{row.pk}/delete")
    assert not models.WebhookEndpoint.objects.exists()
    did = list(models.StaffAction.objects.order_by("id").values_list("action", flat=True))
    assert did == ["webhook.create", "webhook.change", "webhook.rotate", "webhook.delete"]
    assert secret not in str(list(models.StaffAction.objects.values()))


def test_an_api_token_has_the_scopes_that_were_chosen_and_is_revoked_after_a_question(world):
    from tokens.models import ApiToken

    olga = signed_in(world, "olga")
    page = olga.post("/dashboard/project/keys", {"name": "report", "scopes": ["read"]}, follow=True)
    key = ApiToken.objects.get(name="report")
    assert key.granted == {"read"} and page.context["shown_once"]["API token"].startswith(key.hint)
    asked = olga.get(f"/dashboard/project/keys/{key.pk}/revoke").content.decode()
    assert "only API token" in asked and ApiToken.objects.get().revoked_at is None
    olga.post(f"/dashboard/project/keys/{key.pk}/revoke")
    assert ApiToken.objects.get().revoked_at is not None


def test_alerts_are_added_and_deleted(world):
    olga = signed_in(world, "olga")
    page = olga.post("/dashboard/alerts/new", {"kind": "quality", "to": "nowhere"}, follow=True)
    assert "a mail address or a URL" in page.content.decode() and not models.Alert.objects.exists()
    olga.post(
        "/dashboard/alerts/new", {"kind": "quality", "to": "https://hooks.example.com/", "threshold": "3.5"}
    )
    row = models.Alert.objects.get()
    assert "3.5" in olga.get("/dashboard/alerts").content.decode()
    assert signed_in(world, "otto").post(f"/dashboard/alerts/{row.pk}/delete").status_code == 403
    olga.post(f"/dashboard/alerts/{row.pk}/delete")
    assert not models.Alert.objects.exists()


# --- inviting a colleague ---------------------------------------------------------------------------------


def invited(world, role: str = "operator") -> str:
    page = signed_in(world, "olga").post(
        "/dashboard/project/invite", {"role": role, "note": "Nina"}, follow=True
    )
    return next(iter(page.context["shown_once"].values())).removeprefix("http://testserver")


GOOD = {"username": "nina", "password": "correct horse battery"}


def test_an_invited_colleague_joins_by_the_link_once(world):
    link, nina = invited(world), Client()
    assert "Join Acme" in nina.get(link).content.decode()
    assert nina.post(link, GOOD, follow=True).redirect_chain[-1][0] == "/dashboard/"
    role = models.StaffRole.objects.get(user__username="nina")
    assert (role.role, role.project) == ("operator", world.project)
    assert Client().get(link).status_code == 404
    assert Client().post(link, GOOD | {"username": "other"}).status_code == 404
    assert models.StaffAction.objects.get(action="staff.join").name == "nina"
    assert link.rsplit("/", 1)[1] not in str(list(models.StaffAction.objects.values()))


def test_somebody_with_an_account_joins_with_it(world):
    link, mallory = invited(world, "viewer"), signed_in(world, "mallory")
    mallory.post(link)
    roles = models.StaffRole.objects.filter(user=world.people["mallory"])
    assert {(row.project.name, row.role) for row in roles} == {("Acme", "viewer"), ("Mallory's", "owner")}


@pytest.mark.parametrize("wrong", [{"password": "short"}, {"username": "olga"}, {"username": ""}])
def test_a_refused_name_or_password_leaves_the_invitation_open(world, wrong):
    link = invited(world)
    answer = Client().post(link, GOOD | wrong)
    assert answer.status_code == 422 and "note bad" in answer.content.decode()
    assert Client().post(link, GOOD).status_code == 302
    assert models.StaffRole.objects.get(user=world.people["olga"]).role == "owner"


def test_a_withdrawn_or_old_invitation_lets_nobody_in(world):
    from datetime import timedelta

    from django.utils import timezone

    link = invited(world)
    row = models.StaffInvite.objects.get()
    signed_in(world, "olga").post(f"/dashboard/project/invite/{row.pk}/withdraw")
    assert Client().post(link, GOOD).status_code == 404
    link = invited(world)
    models.StaffInvite.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().post(link, GOOD).status_code == 404
    assert not models.StaffRole.objects.filter(user__username="nina").exists()


def test_only_owners_invite(world):
    for name in ("vera", "otto"):
        answer = signed_in(world, name).post("/dashboard/project/invite", {"role": "owner"})
        assert answer.status_code == 403
    assert not models.StaffInvite.objects.exists()


def test_a_colleague_is_removed_after_a_question(world):
    olga, otto = signed_in(world, "olga"), world.people["otto"]
    assert "Remove otto" in olga.get(f"/dashboard/project/staff/{otto.pk}/remove").content.decode()
    olga.post(f"/dashboard/project/staff/{otto.pk}/remove")
    assert not models.StaffRole.objects.filter(user=otto).exists()
    olga.post(f"/dashboard/project/staff/{world.people['olga'].pk}/remove")
    assert models.StaffRole.objects.filter(user=world.people["olga"]).exists(), "not oneself"
