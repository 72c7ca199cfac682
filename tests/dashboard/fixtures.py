"""What only some staff pages show: a meeting, money, registrations, recordings, tokens."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from calling import models
from calling.telephony import billing
from config.doctor.findings import Finding
from subscribers.models import Address, PhoneNumber, Project, Room, SipGateway
from tests.dashboard.sample_data import World
from tokens.issue import issue_api_token

FINDINGS = (
    Finding("good", "postgresql", "17.2 answers in 1 ms"),
    Finding("note", "names", "fabric.localhost leads to 127.0.0.1 only", "Give it a name of its own."),
    Finding("bad", "turn", "nothing answers on 127.0.0.1:3478", "Start the turn process."),
)


def examine() -> tuple[Finding, ...]:
    """Stands for the doctor, who asks sockets for seconds."""
    return FINDINGS


def furnish(world: World) -> World:
    """Fills each table of each page; adds root, who may see the whole installation."""
    now, project = timezone.now(), world.project
    world.people["root"] = User.objects.create_superuser("root", password="a long enough password")
    room = Room.objects.get(project=project)
    meeting = models.Meeting.objects.create(project=project, room=room, started_at=now)
    for leg in world.calls["live"].legs.all():
        models.Member.objects.create(meeting=meeting, leg_id=leg.pk, call_id=leg.call_id, joined_at=now,
                                     talking=leg.role == "caller")  # fmt: skip
    Room.objects.create(project=project, name="board", display_name="Board room", locked=True)
    with transaction.atomic():
        for kind, amount, note in (("top_up", 25_000_000, "invoice 7"), ("adjust", -500_000, "typed wrong")):
            billing.move_money(project.pk, kind, amount, note)
    models.Account.objects.filter(pk=project.pk).update(prepaid=True)
    models.PhoneRate.objects.create(project=project, prefix="+1", per_minute=12_000, setup=5_000, increment=6)
    Project.objects.filter(pk=project.pk).update(suspended_at=now, suspended_reason="stopped by staff")
    gateways = SipGateway.objects.filter(project=project)
    gateways.update(register=True, registration_state="registered", registration_code=200,
                    registration_lease=now + timedelta(hours=1))  # fmt: skip
    SipGateway.objects.create(project=project, name="Second", host="sip.example.org", register=True,
                              registration_state="failed", registration_code=403,
                              registration_lease=now + timedelta(hours=1))  # fmt: skip
    PhoneNumber.objects.filter(project=project).update(
        address=Address.objects.filter(project=project).first()
    )
    issue_api_token(project, name="back end")
    live = world.calls["live"]
    models.Recording.objects.create(project=project, call_id=live.pk, control_id="training", state="finished",
                                    format="wav", duration_ms=4200, size=65_536)  # fmt: skip
    models.Operation.objects.create(call=live, verb="record", control_id="training", state="finished",
                                    created_at=now, result={"size": 65_536})  # fmt: skip
    sent = models.Delivery.objects.first()
    assert sent is not None
    models.Delivery.objects.create(endpoint=sent.endpoint, event=sent.event, stream="other", state="parked",
                                   trigger="replay", tries=11, created_at=now)  # fmt: skip
    for action, subject in (("call.hangup", str(room.pk)), ("token.issue", "/private/alice")):
        models.StaffAction.objects.create(project=project, name="olga", action=action, subject=subject,
                                          detail={"hours": 2}, source="127.0.0.1")  # fmt: skip
    return world
