"""Two projects with one of everything, and everybody who may come from elsewhere.

For the tenancy proof (docs/security.md#r7).

Every text of the victim's rows holds CANARY, so whatever leaks of it is seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from calling import models
from calling.models.ids import uuid7
from calling.telephony import billing
from subscribers import provisioning
from subscribers.models import Address, PhoneNumber, SipEndpoint, SipGateway
from tests.support import fake_worker, people, rest_client
from tests.support.people import Cast
from tokens.models import ApiToken, EmbedToken, IssuedToken
from tokens.subjects import Entry

CANARY = "canary"
UNSTABLE = re.compile(
    rb'value="[A-Za-z0-9]{64}"|\d\d:\d\d(:\d\d(\.\d+Z?)?)?|error-[a-z_]+|"request_id":"\w+"'
)


def templates() -> list[str]:
    """Every path of the URLconf, as its patterns write it."""

    def walk(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
        for pattern in patterns:
            here = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, here)
            else:
                yield here

    return sorted(set(walk(get_resolver().url_patterns)))


def furnish(cast: Cast) -> dict[str, str]:
    """One of everything in the cast's project; ids by what they are of."""
    project = cast.project
    project.name = f"{CANARY} & Co"
    project.save()
    call_id = fake_worker.talking(cast)
    room = provisioning.create_room(project.id, {"name": f"{CANARY}-room", "display_name": f"{CANARY} room"})
    text = json.dumps(fake_worker.SCRIPT)
    script = provisioning.create_script(project.id, {"name": f"{CANARY}-script", "contents": text})
    alice = cast.alice.subscriber
    assert alice is not None
    alice.display_name = f"{CANARY} alice"
    alice.save()
    endpoint = SipEndpoint(project=project, subscriber=alice, username=f"{CANARY}-desk", caller_id=CANARY)
    endpoint.set_password("a long password")
    endpoint.save()
    address = Address.objects.get(resource_id=alice.pk)
    number = PhoneNumber.objects.create(project=project, number="+15550001111", name=CANARY, address=address)
    gateway = SipGateway.objects.create(project=project, name=CANARY, host=f"{CANARY}.example.org")
    hook = models.WebhookEndpoint.objects.create(
        project=project, url=f"http://127.0.0.1:9/{CANARY}", events=["*"], secret="sealed"
    )
    event = models.Event.objects.filter(call_id=call_id).earliest("id")
    delivery = models.Delivery.objects.create(
        endpoint=hook, event=event, stream=event.stream, created_at=event.created_at
    )
    recording = models.Recording.objects.create(
        project=project, call_id=call_id, control_id=CANARY, format="wav", path=f"{CANARY}.wav",
        state="finished", created_at=timezone.now(),
    )  # fmt: skip
    leg = fake_worker.leg_of(call_id, "caller")
    models.Operation.objects.create(
        call_id=call_id, leg_id=leg.id, verb="play", control_id="c1", created_at=timezone.now()
    )
    meeting = models.Meeting.objects.create(project=project, room=room, started_at=timezone.now())
    models.Member.objects.create(meeting=meeting, leg_id=leg.id, call_id=call_id, joined_at=timezone.now())
    embed = EmbedToken.objects.create(project=project, address=address, name=CANARY)
    billing.move_money(project.id, "top_up", 77_777_777, CANARY)
    rate = models.PhoneRate.objects.create(project=project, prefix="+1", per_minute=1)
    alert = models.Alert.objects.create(project=project, kind="balance", to=f"https://{CANARY}.example.org/")
    talk = models.Conversation.objects.create(
        project=project, first=address, second=address, spoken_at=timezone.now()
    )
    own = {"project": project, "conversation": talk, "subscriber": alice}
    models.Participation.objects.create(identity=alice.pk, **own)
    models.TextMessage.objects.create(text=CANARY, name=CANARY, created_at=timezone.now(), **own)
    invite = models.StaffInvite.objects.create(
        project=project, role="viewer", note=CANARY, digest=CANARY, expires_at=timezone.now()
    )
    lead = User.objects.create_user(f"{CANARY}-lead")
    models.StaffRole.objects.create(project=project, user=lead, role="viewer")
    search = models.SavedSearch.objects.create(
        project=project, user=lead, name=CANARY, query=f"q={CANARY}", shared=True
    )
    issued = IssuedToken.objects.filter(project=project).earliest("issued_at")
    return {
        "call": call_id, "leg": leg.id, "room": str(room.pk), "room_name": room.name,
        "script": str(script.pk), "subscriber": str(alice.pk), "sip_endpoint": str(endpoint.pk),
        "address": str(address.pk), "number": str(number.pk), "gateway": str(gateway.pk),
        "webhook": str(hook.pk), "delivery": str(delivery.pk), "recording": str(recording.pk),
        "embed": str(embed.pk), "project": str(project.pk), "control": "c1", "jti": str(issued.jti),
        "rate": str(rate.pk), "meeting": str(meeting.pk), "alert": str(alert.pk),
        "search": str(search.pk),
        "conversation": str(talk.pk), "invite": str(invite.pk), "user": str(lead.pk),
        "key": str(ApiToken.objects.get(project=project).pk), "embed_token": embed.token,
    }  # fmt: skip


def nothing(ids: dict[str, str]) -> dict[str, str]:
    """Ids of the same shapes that nothing has."""
    absent = {name: str(uuid7() if name in ("call", "leg") else uuid4()) for name in ids}
    embed = "c2c_" + "0" * 32
    return absent | {"room_name": "no-such-room", "control": "c1", "embed_token": embed, "user": "999999"}


@dataclass
class Asker:
    """Somebody from elsewhere. `send` gives (status, body without what changes by itself)."""

    name: str
    client: Any
    staff: bool = False

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        if self.staff:
            self.client.cookies.pop("messages", None)  # what an earlier request left to be shown
            answer = getattr(self.client, method)(path, body or {})
        else:
            answer = getattr(self.client, method)(path, body or {}, format="json")
        content = b"" if getattr(answer, "streaming", False) else answer.content
        if getattr(answer, "streaming", False):
            content = b"".join(answer.streaming_content)
        return answer.status_code, UNSTABLE.sub(b"", content)


def askers(victim: Cast, other: Cast) -> list[Asker]:
    """The kinds of principals that have no business with the victim's rows."""
    guest = people.guest(other.project, (Entry("context", "private"),))
    stranger = people.subscriber(victim.project, "stranger", None, ())
    assert victim.alice.subscriber is not None
    refresh = people.pair_for(victim.alice.subscriber).refresh_token
    embed = EmbedToken.objects.get(project=victim.project, name=CANARY).token
    return [
        Asker("key of another project", other.rest),
        Asker("subscriber of another project", other.mallory.rest),
        Asker("guest of another project", guest.rest),
        Asker("nobody", rest_client.client()),
        Asker("subscriber beside it", stranger.rest),
        Asker("guest beside it", people.guest(victim.project, ()).rest),
        Asker("refresh token of the victim's subscriber", rest_client.client(f"Bearer {refresh}")),
        Asker("embed token of the victim's page", rest_client.client(f"Bearer {embed}")),
        staff(other, "owner"),
        staff(other, "viewer"),
        staff(None, "no role"),
    ]


def staff(cast: Cast | None, role: str) -> Asker:
    user = User.objects.create_user(f"staff {uuid4()}", password="a long enough password")
    if cast is not None:
        models.StaffRole.objects.create(user=user, project=cast.project, role=role)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return Asker(f"staff of another project ({role})", client, staff=True)


def fingerprint(project_id: Any) -> str:
    """Every row of a project as text: unchanged while only strangers were at work."""
    found: dict[str, list[str]] = {}
    for model in apps.get_models():
        names = {field.name for field in model._meta.get_fields()}
        if "project" in names or "project_id" in names:
            found[model.__name__] = rows(model, project_id=project_id)
    found["Leg"] = rows(models.Leg, call__project_id=project_id)
    found["Project"] = rows(apps.get_model("subscribers", "Project"), pk=project_id)
    return json.dumps(found, indent=0, sort_keys=True)


def rows(model: type[Model], **where: Any) -> list[str]:
    found = model._default_manager.filter(**where).values()
    # A key's own requests leave when it was last used.
    return sorted(str(sorted(each for each in row.items() if each[0] != "last_used_at")) for row in found)


__all__ = ["CANARY", "UNSTABLE", "Asker", "askers", "fingerprint", "furnish", "nothing", "templates"]
