"""Conference rooms."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from subscribers.models.owned import Owned


class Room(Owned):
    """A place several people meet in, at `/public/<name>` unless made private.

    `empty_timeout` is how many seconds an empty room lives on; `moderator` says who may moderate besides
    the project's back end: nobody, subscribers, or anyone in the room.
    """

    class Moderator(models.TextChoices):
        PROJECT = "project"
        SUBSCRIBERS = "subscribers"
        EVERYONE = "everyone"

    name = models.CharField(max_length=64)
    display_name = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    max_members = models.PositiveIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    video = models.BooleanField(default=True)
    locked = models.BooleanField(default=False)
    join_muted = models.BooleanField(default=False)
    entry_tone = models.BooleanField(default=False)
    record_on_start = models.BooleanField(default=False)
    empty_timeout = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(86400)])
    moderator = models.CharField(max_length=12, choices=Moderator.choices, default=Moderator.PROJECT)
    join_from = models.DateTimeField(null=True, blank=True)
    join_until = models.DateTimeField(null=True, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    kept = models.JSONField(default=dict, blank=True, help_text="SignalWire fields kept, without effect")

    class Meta(Owned.Meta):
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="room_name")]

    def __str__(self) -> str:
        return self.name
