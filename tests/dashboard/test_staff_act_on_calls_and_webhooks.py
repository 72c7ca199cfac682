"""What operators and owners do: through the same door as the API, and each with a line in the audit log."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from calling import models
from calling.machine import inputs
from tests.support import fake_worker, people


def staff(project, role: str = "owner", name: str = "olga") -> Client:
    from tests.dashboard.sample_data import person

    client = Client()
    client.force_login(person(name, project, role))
    return client


@pytest.fixture
def cast(transactional_db):
    return people.make_cast()


@pytest.fixture
def talking(cast) -> str:
    """A call between alice and bob, answered, on a worker played by hand."""
    return fake_worker.talking(cast)


def test_an_operator_hangs_up_a_call(cast, talking):
    client = staff(cast.project, "operator")
    answer = client.post(f"/dashboard/calls/{talking}/hangup")
    assert answer.status_code == 302
    row = models.Call.objects.get(pk=talking)
    assert (row.state, row.end_reason, row.ended_by) == ("ended", "hangup", "api")
    action = models.StaffAction.objects.get(action="call.hangup")
    assert (action.name, action.subject) == ("olga", talking)


def test_hold_and_resume_need_the_leg_they_are_for(cast, talking):
    client = staff(cast.project, "operator")
    caller = models.Leg.objects.get(call_id=talking, role="caller")
    client.post(f"/dashboard/calls/{talking}/hold", {"leg": str(caller.pk)})
    assert models.Leg.objects.get(pk=caller.pk).held
    client.post(f"/dashboard/calls/{talking}/resume", {"leg": str(caller.pk)})
    assert not models.Leg.objects.get(pk=caller.pk).held


def test_a_refused_transfer_is_told_and_changes_nothing(cast, talking):
    client = staff(cast.project, "operator")
    page = client.post(
        f"/dashboard/calls/{talking}/transfer", {"leg": "caller", "to": "not a place"}, follow=True
    )
    assert page.status_code == 200 and "note bad" in page.content.decode()
    assert models.Call.objects.get(pk=talking).transfer is None
    assert not models.StaffAction.objects.filter(action="call.transfer").exists()


def test_a_token_is_issued_shown_once_and_revoked(cast):
    from tokens.authentication import subject_from_token
    from tokens.signing import InvalidToken

    client = staff(cast.project)
    alice = f"/dashboard/subscribers/{cast.alice.subscriber.pk}"
    page = client.post(f"{alice}/token", {"hours": "1"}, follow=True)
    token = page.context["issued"]
    assert subject_from_token(token).address == cast.alice.address
    assert token not in client.get(alice).content.decode()
    client.post(f"{alice}/revoke")
    with pytest.raises(InvalidToken):
        subject_from_token(token)
    assert token not in str(list(models.StaffAction.objects.values()))


def test_open_as_leads_to_a_phone_with_the_token_in_the_fragment(cast):
    answer = staff(cast.project).post(
        f"/dashboard/subscribers/{cast.alice.subscriber.pk}/token", {"open": "1", "hours": "2"}
    )
    assert answer["Location"].startswith("/phone#token=")
    assert models.StaffAction.objects.get(action="phone.open_as").subject == cast.alice.address


def test_keys_are_shown_once_and_revoked(cast):
    from tokens.authentication import subject_from_basic
    from tokens.models import ApiToken

    client = staff(cast.project)
    shown = client.post("/dashboard/project/keys", {"name": "ci"}, follow=True).context["shown_once"]
    key = shown["API token"]
    assert subject_from_basic(str(cast.project.pk), key).project_id == cast.project.pk
    assert client.get("/dashboard/project").context["shown_once"] is None
    client.post(f"/dashboard/project/keys/{ApiToken.objects.get(name='ci').pk}/revoke")
    assert ApiToken.objects.get(name="ci").revoked_at is not None


def test_what_leaves_recognised_words_is_set_by_an_owner_and_audited(cast):
    client = staff(cast.project)
    page = client.post("/dashboard/project/redaction", {"redact": ["digits", "names"]}, follow=True)
    assert page.context["redact"] == ["digits"]
    assert 'value="digits" checked' in page.content.decode()
    cast.project.refresh_from_db()
    assert cast.project.redact == ["digits"]
    client.post("/dashboard/project/redaction", {})
    cast.project.refresh_from_db()
    assert cast.project.redact == []
    done = models.StaffAction.objects.filter(action="redaction.set").order_by("id")
    assert [(row.subject, row.detail) for row in done] == [
        (str(cast.project.pk), {"redact": ["digits"]}),
        (str(cast.project.pk), {"redact": []}),
    ]


def test_roles_are_given_and_taken_but_never_to_oneself(cast):
    client = staff(cast.project)
    give = {"username": "nina", "password": "correct horse battery", "role": "viewer"}
    client.post("/dashboard/project/staff", give)
    assert models.StaffRole.objects.get(user__username="nina").role == "viewer"
    client.post("/dashboard/project/staff", {"username": "nina", "role": "none"})
    assert not models.StaffRole.objects.filter(user__username="nina").exists()
    client.post("/dashboard/project/staff", {"username": "olga", "role": "none"})
    assert models.StaffRole.objects.get(user__username="olga").role == "owner"
    client.post("/dashboard/project/staff", {"username": "weak", "password": "short", "role": "owner"})
    assert not models.StaffRole.objects.filter(user__username="weak").exists()


@pytest.fixture
def endpoint(cast, talking):
    from calling.webhooks.publish import publish_round

    publish_round()
    return models.WebhookEndpoint.objects.create(
        project=cast.project, url="https://hooks.example.com", events=["call.*"], secret="sealed"
    )


def test_replay_queues_what_the_endpoint_wants_in_order(cast, talking, endpoint):
    client = staff(cast.project, "operator")
    client.post(f"/dashboard/webhooks/{endpoint.pk}/replay", {"since": "2020-01-01T00:00"})
    queued = list(endpoint.deliveries.order_by("event_id"))
    wanted = models.Event.objects.filter(call_id=talking, type__startswith="call.").count()
    assert len(queued) == wanted > 0 and {row.trigger for row in queued} == {"replay"}
    page = client.get(f"/dashboard/webhooks/{endpoint.pk}")
    assert f"{wanted} of {wanted} still to go" in page.content.decode()


def test_test_resend_and_enable(cast, talking, endpoint):
    client = staff(cast.project, "operator")
    client.post(f"/dashboard/webhooks/{endpoint.pk}/test")
    sent = endpoint.deliveries.get(trigger="test")
    assert sent.event.type == "webhook.test"
    client.post(f"/dashboard/deliveries/{sent.pk}/resend")
    assert not endpoint.deliveries.filter(trigger="resend").exists(), "what still waits is not sent twice"
    endpoint.deliveries.filter(pk=sent.pk).update(state="delivered")
    client.post(f"/dashboard/deliveries/{sent.pk}/resend")
    assert endpoint.deliveries.filter(trigger="resend").count() == 1
    models.WebhookEndpoint.objects.update(disabled_at=timezone.now(), disabled_reason="410")
    client.post(f"/dashboard/webhooks/{endpoint.pk}/test")
    assert endpoint.deliveries.filter(trigger="test").count() == 1, "a disabled endpoint is not tested"
    client.post(f"/dashboard/webhooks/{endpoint.pk}/enable")
    assert models.WebhookEndpoint.objects.get().disabled_at is None


def test_the_call_page_tells_the_whole_story(cast, talking):
    from calling.calls import control

    client = staff(cast.project)
    caller = models.Leg.objects.get(call_id=talking, role="caller")
    client.post(f"/dashboard/calls/{talking}/hold", {"leg": str(caller.pk)})
    control.apply(talking, inputs.Hangup())
    rows = client.get(f"/dashboard/calls/{talking}").context["rows"]
    told = [row.what for row in rows]
    assert told.index("call.created") < told.index("call.answered") < told.index("call.held")
    assert told[-1] == "call.ended" and "call.hold" in told
    sequences = [row.sequence for row in rows if row.kind == "event"]
    assert sequences == list(range(1, len(sequences) + 1))


def test_an_operator_sees_and_removes_whoever_is_in_a_room(cast):
    """Also who was transferred into it: bob's party, whose call was for bob."""
    from calling.commands import transfers
    from subscribers import provisioning

    provisioning.create_room(cast.project.id, {"name": "standup"})
    call = fake_worker.talking(cast)
    bob = models.Leg.objects.get(call_id=call, role="callee")
    transfers.transfer(cast.bob.holder, call, str(bob.pk), "/public/standup")
    client = staff(cast.project, "operator")
    alice = models.Leg.objects.get(call_id=call, role="caller")
    assert f"member-{alice.pk}" in client.get("/dashboard/rooms").content.decode()
    client.post(f"/dashboard/rooms/member/{alice.pk}/remove")
    assert models.Call.objects.get(pk=call).state == "ended"
    assert f"member-{alice.pk}" not in client.get("/dashboard/rooms").content.decode()
    assert models.StaffAction.objects.filter(action="room.remove").count() == 1
