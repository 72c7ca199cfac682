"""Call, Leg, Attempt and Device as rows: the truth about who talks with whom."""

from __future__ import annotations

from typing import Any

from django.db import models

from calling.models.ids import uuid7


class Call(models.Model):
    """One attempt to connect, from dial to end. Written by `calling.calls.store` alone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # No index of its own: others begin with the project.
    project = models.ForeignKey(
        "subscribers.Project", db_index=False, on_delete=models.CASCADE, related_name="calls"
    )
    session = models.ForeignKey(
        "calling.MediaSession", null=True, on_delete=models.SET_NULL, related_name="calls"
    )
    state = models.CharField(max_length=10, default="created")
    kind = models.CharField(max_length=12)
    from_address = models.CharField(max_length=300, blank=True)
    from_name = models.CharField(max_length=200, blank=True)
    to_address = models.CharField(max_length=300)
    caller_id = models.CharField(max_length=300, blank=True)
    diverted_from = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    ringing_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, null=True)
    end_cause = models.CharField(max_length=64, null=True)
    ended_by = models.CharField(max_length=10, null=True)
    sip_code = models.IntegerField(null=True)
    sip_headers = models.JSONField(default=dict, help_text="x- headers of the far end's last answer")
    out_headers = models.JSONField(default=dict, help_text="x- headers the caller asked for")
    metadata = models.JSONField(default=None, null=True)
    status_url = models.CharField(max_length=2000, blank=True)
    status_events = models.JSONField(default=list)
    ring_seconds = models.IntegerField(default=45)
    max_seconds = models.IntegerField(default=14400)
    carried = models.BooleanField(default=False)
    program = models.UUIDField(null=True)
    connect = models.JSONField(default=list, help_text="legs the answered callee is connected to")
    transfer = models.JSONField(default=None, null=True)
    consult_id = models.UUIDField(null=True)
    consult_of = models.UUIDField(null=True)
    consulting = models.BooleanField(default=False)
    supervises = models.UUIDField(null=True, help_text="the call that this call's party listens to")
    supervision = models.JSONField(null=True, help_text="of a supervisor's call: mode, leg_id, by, tone")
    supervisors = models.JSONField(null=True, help_text="the live calls of who listens to this one")
    timers = models.JSONField(default=list)
    deadline = models.DateTimeField(null=True)
    sequence = models.IntegerField(default=0)
    api_dialled = models.BooleanField(default=False)
    codecs: dict[str, dict[str, Any]] | None = None  # of its legs, by id, where they were read along
    caller_leg: str | None = None  # the id of the leg that dialled it, where this process made it just now
    dialled_by = models.CharField(max_length=300, blank=True)  # no longer written: the version before has it

    class Meta:
        indexes = [
            models.Index(
                fields=["deadline"], name="call_deadline", condition=models.Q(deadline__isnull=False)
            ),
            models.Index(fields=["project", "-created_at", "-id"], name="call_project_created"),
            models.Index(fields=["project", "state"], name="call_live", condition=~models.Q(state="ended")),
            models.Index(fields=["session"], name="call_session_live", condition=~models.Q(state="ended")),
            models.Index(
                fields=["supervises"], name="call_supervises", condition=models.Q(supervises__isnull=False)
            ),
            models.Index(fields=["project", "from_address", "-created_at", "-id"], name="call_from"),
            models.Index(fields=["project", "to_address", "-created_at", "-id"], name="call_to"),
            models.Index(fields=["project", "kind", "-created_at", "-id"], name="call_kind"),
            models.Index(
                fields=["project", "end_reason", "-created_at", "-id"],
                name="call_end_reason",
                condition=models.Q(end_reason__isnull=False),
            ),
            models.Index(fields=["ended_at"], name="call_ended", condition=models.Q(ended_at__isnull=False)),
            models.Index(
                fields=["consult_of"], name="call_consult_of", condition=models.Q(consult_of__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="ended") | models.Q(end_reason__isnull=False),
                name="ended_has_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(state="ended") | models.Q(deadline__isnull=False), name="live_has_deadline"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_address} → {self.to_address} ({self.state})"


class Leg(models.Model):
    """One party's side of a call. A completed consultation moves its target's leg to the first call."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="legs")
    position = models.IntegerField()
    role = models.CharField(max_length=8)
    party = models.CharField(max_length=8)
    address = models.CharField(max_length=300)
    name = models.CharField(max_length=200, blank=True)
    subscriber_id = models.UUIDField(null=True)
    holder = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="a guest's full identity"
    )
    part = models.CharField(
        max_length=8, blank=True, default="", db_default="", help_text="screen or device: see part_of"
    )
    part_of = models.UUIDField(null=True, help_text="the leg of the party whose further picture this is")
    settings = models.JSONField(null=True, help_text="what a participant set for itself; null: nothing")
    device_id = models.UUIDField(null=True)
    app = models.CharField(max_length=16, null=True)
    app_ref = models.CharField(max_length=100, null=True)
    state = models.CharField(max_length=10)
    held = models.BooleanField(default=False)
    muted = models.JSONField(default=list)
    media = models.JSONField(default=dict)
    media_state = models.CharField(max_length=12, default="new")
    codec = models.JSONField(default=dict, help_text="negotiated: {audio, video, codec}")
    peer_id = models.UUIDField(null=True)
    offer = models.TextField(null=True)
    answer = models.TextField(null=True)
    serial = models.IntegerField(default=0)
    offered = models.BooleanField(default=False)
    early_media = models.BooleanField(default=False)
    rang = models.BooleanField(default=False)
    refusal = models.CharField(max_length=64, null=True)
    end_reason = models.CharField(max_length=16, null=True)
    end_cause = models.CharField(max_length=64, null=True)
    former_call_id = models.UUIDField(null=True)
    route = models.JSONField(default=dict, help_text="SIP legs: gateway ids, number, caller id")
    stats = models.JSONField(default=list, help_text="quality samples, newest last")

    class Meta:
        indexes = [
            models.Index(
                fields=["subscriber_id"], name="leg_subscriber_live", condition=~models.Q(state="ended")
            ),
            models.Index(fields=["device_id"], name="leg_device_live", condition=~models.Q(state="ended")),
            models.Index(fields=["peer_id"], name="leg_peer"),
            models.Index(fields=["holder"], name="leg_holder", condition=~models.Q(holder="")),
            models.Index(fields=["part_of"], name="leg_part_of", condition=models.Q(part_of__isnull=False)),
            models.Index(
                fields=["former_call_id"],
                name="leg_former_call",
                condition=models.Q(former_call_id__isnull=False),
            ),
            models.Index(fields=["subscriber_id", "call"], name="leg_subscriber_call"),
            models.Index(
                fields=["address"],
                name="leg_unnamed_live",
                condition=models.Q(holder="", subscriber_id=None) & ~models.Q(state="ended"),
            ),
            models.Index(
                fields=["app_ref"],
                name="leg_room_live",
                condition=models.Q(app="room") & ~models.Q(state="ended"),
            ),
        ]


class Attempt(models.Model):
    """A ringing leg's try at one device."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    leg = models.ForeignKey(Leg, on_delete=models.CASCADE, related_name="attempts")
    device_id = models.UUIDField()
    kind = models.CharField(max_length=8)
    state = models.CharField(max_length=20)
    reason = models.CharField(max_length=16, null=True)
    offer = models.TextField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["device_id"],
                name="attempt_device_live",
                condition=models.Q(state__in=["preparing", "ringing"]),
            ),
            models.Index(
                fields=["id"], name="attempt_sip_waiting", condition=models.Q(kind="sip", state="ringing")
            ),
        ]


class Device(models.Model):
    """One online client of a subscriber. Online while `online_until` lies ahead.

    Edges renew it, or put it far ahead and renew one row for all of their devices (`PresenceLease`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    subscriber_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=8, default="phone")
    online_until = models.DateTimeField(null=True)
    receives = models.BooleanField(default=True, help_text="guests and unregistered clients only call out")
    offline_at = models.DateTimeField(null=True, help_text="since when; the row is forgotten a day later")
    connection = models.UUIDField(null=True, help_text="the socket that holds it now")
    lease_id = models.UUIDField(null=True, help_text="the presence lease of the process that has the socket")
    contact = models.JSONField(default=dict, help_text="SIP: contact, transport, edge, flow")
    user_agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["subscriber_id", "online_until"], name="device_online"),
            models.Index(
                fields=["online_until"],
                name="device_lease",
                condition=models.Q(online_until__isnull=False),
            ),
            models.Index(
                fields=["offline_at"], name="device_gone", condition=models.Q(online_until__isnull=True)
            ),
            models.Index(
                fields=["lease_id"],
                name="device_presence_lease",
                condition=models.Q(lease_id__isnull=False, online_until__isnull=False),
            ),
        ]


class PresenceLease(models.Model):
    """A web process's word that its sockets, and so their devices, are there. Past `until` they are not."""

    id = models.UUIDField(primary_key=True, editable=False)
    until = models.DateTimeField()
