"""Browsers that are woken when their subscriber is called (Web Push, RFC 8030), and what they were told."""

from __future__ import annotations

from django.db import models

from calling.models.ids import uuid7


class PushSubscription(models.Model):
    """Where one browser of a subscriber is reached, and the keys that only it can open messages with."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    # Without a constraint: code that does not know this table must still be able to delete a subscriber.
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    endpoint = models.CharField(max_length=1000, help_text="a URL of the browser's push service")
    p256dh = models.CharField(max_length=100, help_text="base64url: the browser's public key")
    auth = models.CharField(max_length=32, help_text="base64url: the secret of RFC 8291")
    family = models.UUIDField(null=True, help_text="of the token it was made with: it ends with it")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "endpoint"], name="push_subscription_endpoint"),
        ]


class PushRing(models.Model):
    """A leg whose ringing browsers were told of, until they are told that it is over. One row per leg: of
    several sweeps the one that makes it tells, and the one that deletes it tells the end."""

    leg_id = models.UUIDField(primary_key=True)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    call_id = models.UUIDField()
    subscriber_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)
