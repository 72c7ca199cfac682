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
    trace(live)
    sent = models.Delivery.objects.first()
    assert sent is not None
    models.Delivery.objects.create(endpoint=sent.endpoint, event=sent.event, stream="other", state="parked",
                                   trigger="replay", tries=11, created_at=now)  # fmt: skip
    for action, subject in (("call.hangup", str(room.pk)), ("token.issue", "/private/alice")):
        models.StaffAction.objects.create(project=project, name="olga", action=action, subject=subject,
                                          detail={"hours": 2}, source="127.0.0.1")  # fmt: skip
    return world


INVITE = (
    "{first}\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK776asdhds\r\nMax-Forwards: 70\r\n"
    'From: "Alice" <sip:alice@example.com>;tag=1928301774\r\nTo: <sip:bob@example.com>\r\n'
    "Call-ID: a84b4c76e66710@192.0.2.7\r\nCSeq: 314159 INVITE\r\n"
    'Authorization: Digest username="alice", realm="callwright", nonce="dcd98b", response="xxxxxxxx"\r\n'
    "Contact: <sip:alice@192.0.2.7>\r\nContent-Type: application/sdp\r\nContent-Length: 40\r\n\r\n"
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=<b>-</b>\r\n"
)


def trace(call: models.Call, count: int = 24) -> None:
    """SIP messages of a call, as an edge writes them."""
    legs = list(call.legs.order_by("position"))
    words = (
        "INVITE sip:bob@example.com SIP/2.0",
        "SIP/2.0 100 Trying",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 200 OK",
    )
    models.SipTracing.objects.update_or_create(
        project=call.project, defaults={"until": timezone.now() + timedelta(hours=1), "bytes": 40_000}
    )
    for number in range(count):
        data = INVITE.format(first=words[number % len(words)]).encode()
        models.SipMessage.objects.create(
            project=call.project, call_id=call.pk, leg_id=legs[number // 4 % 2].pk, outgoing=number % 3 == 1,
            at=call.created_at + timedelta(milliseconds=37 * number),
            transport=("UDP", "WSS")[number // 4 % 2],
            local_host="2001:db8::2" if number // 4 % 2 else "198.51.100.2", local_port=5060,
            remote_host="2001:db8:85a3::8a2e:370:7334" if number // 4 % 2 else "192.0.2.7", remote_port=49152,
            size=len(data) + (20_000 if number == 5 else 0), data=data,
        )  # fmt: skip
