"""Who is in which room: a meeting from the first member to the last, and its members."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from calling.models.ids import uuid7


class Meeting(models.Model):
    """A room with somebody in it, or empty for less than its `empty_timeout`. At most one per room lives."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    room = models.ForeignKey("subscribers.Room", on_delete=models.CASCADE, related_name="+")
    started_at = models.DateTimeField()
    empty_since = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["room"], condition=Q(ended_at__isnull=True), name="one_live_meeting_per_room"
            )
        ]


class Member(models.Model):
    """One stay of a leg in a meeting. `deaf` and `volume` (dB) are carried out by the media worker."""

    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="members")
    leg_id = models.UUIDField()
    call_id = models.UUIDField(help_text="the call its leg is in; a leg may move between calls")
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    talking = models.BooleanField(default=False)
    deaf = models.BooleanField(default=False)
    volume = models.FloatField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["call_id"], name="member_call", condition=Q(left_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["leg_id"], condition=Q(left_at__isnull=True), name="one_room_per_leg"
            )
        ]
