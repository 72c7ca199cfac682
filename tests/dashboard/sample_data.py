"""Rows for the staff pages to show: written as they lie in the tables, without a platform at work."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from calling import models
from calling.models.ids import uuid7
from subscribers.models import Address, PhoneNumber, Project, Room, SipGateway, Subscriber


@dataclass
class World:
    project: Project
    other: Project
    people: dict[str, User] = field(default_factory=dict)
    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    calls: dict[str, models.Call] = field(default_factory=dict)


def person(name: str, project: Project, role: str) -> User:
    user = User.objects.create_user(name, password="a long enough password")
    models.StaffRole.objects.create(user=user, project=project, role=role)
    return user


def subscriber(project: Project, name: str, extension: str | None = None, shown: str = "") -> Subscriber:
    row = Subscriber.objects.create(
        project=project, reference=f"{name}@example.com", slug=name, extension=extension,
        display_name=shown or name.title(),
    )  # fmt: skip
    Address.objects.create(
        project=project, context="private", name=name, kind="subscriber", resource_id=row.pk,
        display_name=row.shown_name,
    )  # fmt: skip
    return row


def call(project: Project, from_: str, to: str, state: str, age: float, **more) -> models.Call:
    """A call that began `age` seconds ago, with a caller and a callee leg and the events of its state."""
    began = timezone.now() - timedelta(seconds=age)
    answered = began + timedelta(seconds=3) if state in ("answered", "ended") else None
    values = {
        "kind": "subscriber",
        "deadline": timezone.now() + timedelta(hours=1) if state != "ended" else None,
        "answered_at": answered,
        "ringing_at": began + timedelta(seconds=1),
        "ended_at": timezone.now() if state == "ended" else None,
        "end_reason": "hangup" if state == "ended" else None,
        "end_cause": "normal" if state == "ended" else None,
        "ended_by": "caller" if state == "ended" else None,
        **more,
    }
    row = models.Call.objects.create(
        project=project, from_address=from_, to_address=to, state=state, created_at=began, **values
    )
    leg_state = state if state != "created" else "ringing"
    for position, (role, address) in enumerate((("caller", from_), ("callee", to))):
        models.Leg.objects.create(
            call=row, position=position, role=role, party="device", address=address, state=leg_state,
            media={"audio": True, "video": False, "receive_audio": True, "receive_video": False},
            media_state="connected", codec={"codec": "opus"}, stats=samples(position),
        )  # fmt: skip
    told = ["call.created", "call.ringing"]
    told += ["call.answered"] if answered else []
    told += ["call.ended"] if state == "ended" else []
    for sequence, type in enumerate(told, 1):
        event(row, type, sequence, began + timedelta(seconds=sequence))
    models.Call.objects.filter(pk=row.pk).update(sequence=len(told))
    return row


def samples(shift: int) -> list[dict[str, object]]:
    return [
        {
            "at": 1_790_000_000.0 + 5 * index,
            "rtt_ms": 40 + index * 3 % 50,
            "audio": {
                "codec": "opus",
                "mos": 4.3 - (index * (shift + 1) % 7) / 20,
                "received": {"packets": 250, "lost": index % 4, "jitter_ms": 3 + index % 9},
            },
        }
        for index in range(40)
    ]


def event(row: models.Call, type: str, sequence: int, at: datetime, **data) -> models.Event:
    body = {
        "id": str(uuid7()),
        "type": type,
        "timestamp": at.isoformat(),
        "data": {"sequence": sequence, **data},
    }
    return models.Event.objects.create(
        project_id=row.project_id, call_id=row.pk, stream=str(row.pk), sequence=sequence, type=type,
        body=json.dumps(body), created_at=at,
    )  # fmt: skip


def build() -> World:
    project = Project.objects.create(name="Acme")
    world = World(project, Project.objects.create(name="Mallory's"))
    for name, role in (("vera", "viewer"), ("otto", "operator"), ("olga", "owner")):
        world.people[name] = person(name, project, role)
    world.people["mallory"] = person("mallory", world.other, "owner")
    for name, extension in (("alice", "101"), ("bob", "102"), ("carol", "103")):
        world.subscribers[name] = subscriber(project, name, extension)
    worker = models.MediaWorker.objects.create(
        name="media-1", host="here", pid=1, media_address="127.0.0.1", lock_key=1, legs=6, cpu=0.21,
        loop_lag_ms=1.4, heartbeat_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    session = models.MediaSession.objects.create(
        project=project, state="running", worker=worker, wanted_at=timezone.now()
    )
    world.calls["live"] = call(project, "/private/alice", "/private/bob", "answered", 75, session=session)
    world.calls["ringing"] = call(project, "/private/carol", "+15551234567", "ringing", 6, kind="pstn")
    world.calls["over"] = call(project, "/private/bob", "/private/alice", "ended", 600)
    world.calls["failed"] = call(
        project, "/private/alice", "sip:gone@example.com", "ended", 900, kind="sip", end_reason="failed",
        end_cause="sip_503", sip_code=503, ended_by="platform",
    )  # fmt: skip
    world.calls["foreign"] = call(world.other, "/private/mallory", "/private/trent", "answered", 10)
    models.Device.objects.create(
        project=project, subscriber_id=world.subscribers["alice"].pk, user_agent="Firefox 140",
        online_until=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    endpoint = models.WebhookEndpoint.objects.create(
        project=project, url="https://hooks.example.com/calls", events=["call.*"], secret="sealed",
        failing_since=timezone.now() - timedelta(minutes=4), description="billing",
    )  # fmt: skip
    for row in models.Event.objects.filter(call_id=world.calls["over"].pk):
        delivery = models.Delivery.objects.create(
            endpoint=endpoint, event=row, stream=row.stream, state="delivered", tries=1,
            created_at=row.created_at, finished_at=row.created_at,
        )  # fmt: skip
        models.DeliveryAttempt.objects.create(
            delivery=delivery, at=row.created_at, status=200, duration_ms=31, answer="ok"
        )
    Room.objects.create(project=project, name="standup", display_name="Stand-up")
    PhoneNumber.objects.create(project=project, number="+15550100", name="Front desk")
    SipGateway.objects.create(project=project, name="Carrier", host="sip.example.net", prefixes=["+1"])
    return world
