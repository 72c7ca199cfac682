"""Media sessions and the workers that carry them: leases and fences, no authority."""

from __future__ import annotations

from django.db import models

from calling.models.ids import uuid7


class MediaWorker(models.Model):
    """One media worker process. Alive while its heartbeat is younger than the lease."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    media_address = models.CharField(max_length=64)
    region = models.CharField(max_length=64, blank=True)
    lock_key = models.BigIntegerField(help_text="advisory lock held while the process lives")
    budget = models.IntegerField(default=200)
    legs = models.IntegerField(default=0)
    cpu = models.FloatField(default=0, help_text="share of one core")
    loop_lag_ms = models.FloatField(default=0, help_text="p99 over the last heartbeat interval")
    draining = models.BooleanField(default=False)
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField()


class MediaSession(models.Model):
    """A worker's lease on carrying calls. `epoch` is the fence: a write under an old one is refused."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        "subscribers.Project", db_index=False, on_delete=models.CASCADE, related_name="+"
    )
    room = models.CharField(max_length=100, null=True)
    state = models.CharField(max_length=10, default="wanted")  # wanted running moving ended
    worker = models.ForeignKey(MediaWorker, null=True, on_delete=models.SET_NULL, related_name="sessions")
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    wanted_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True)
    moves = models.IntegerField(default=0)

    class Meta:
        indexes = [
            # Without the lease: a renewal touches no index.
            models.Index(fields=["state"], name="session_open", condition=~models.Q(state="ended")),
            models.Index(fields=["project", "room"], name="session_room", condition=~models.Q(state="ended")),
        ]
