"""Where two workers that share a room meet: each says where it takes the other's mix and picture."""

from __future__ import annotations

from django.db import models


class Trunk(models.Model):
    """One worker's side of a trunk: its description, for the worker `far`, of one room's sound and picture.

    Both sides write one and read the other's: no offer, no answer, and either may begin.
    """

    room = models.ForeignKey("subscribers.Room", on_delete=models.CASCADE, related_name="+")
    near = models.ForeignKey("calling.MediaWorker", on_delete=models.CASCADE, related_name="+")
    far = models.UUIDField(help_text="the worker it is for")
    description = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "near", "far"], name="one_trunk_per_pair")]
        indexes = [models.Index(fields=["far"], name="trunk_far")]
