"""What a project wants to be told of when it goes wrong."""

from __future__ import annotations

from django.db import models

from calling.models.ids import uuid7


class Alert(models.Model):
    """One watched condition. `raised_at` is set while it holds, `telling` until somebody was told."""

    class Kind(models.TextChoices):
        WEBHOOK_FAILING = "webhook_failing"
        WORKER_LOST = "worker_lost"
        QUALITY = "quality"
        BALANCE = "balance"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    to = models.CharField(max_length=2000, help_text="a mail address, or a URL that takes a POST")
    threshold = models.DecimalField(max_digits=16, decimal_places=6, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    raised_at = models.DateTimeField(null=True)
    detail = models.JSONField(default=dict)
    telling = models.BooleanField(default=False)
    tries = models.IntegerField(default=0)
    next_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], name="alert_to_tell", condition=models.Q(telling=True)),
        ]
