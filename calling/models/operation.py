"""Long operations on a leg (play, say, record, collect, stream, digits), script runs and recordings."""

from __future__ import annotations

from django.db import models

from calling.models.ids import uuid7


class Operation(models.Model):
    """One `play record collect say stream` (or `digits`) with its control_id; carried out by a worker.

    `state`: wanted → running → finished | failed; `wish`: what its owner asks for: run, pause, stop.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    call = models.ForeignKey("calling.Call", on_delete=models.CASCADE, related_name="operations")
    leg_id = models.UUIDField(null=True)
    verb = models.CharField(max_length=10)
    control_id = models.CharField(max_length=100)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, default="wanted")
    wish = models.CharField(max_length=10, default="run")
    wish_serial = models.IntegerField(default=0)
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["call", "state"], name="operation_call_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["call", "verb", "control_id"],
                condition=models.Q(state__in=["wanted", "running"]),
                name="one_live_operation_per_control_id",
            )
        ]


class ScriptRun(models.Model):
    """A script being executed for a call. `progress` lets another worker take it over."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    call = models.ForeignKey("calling.Call", null=True, on_delete=models.CASCADE, related_name="script_runs")
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    document = models.JSONField(null=True)
    url = models.CharField(max_length=2000, blank=True)
    fallback_url = models.CharField(max_length=2000, blank=True)
    owner = models.CharField(max_length=300, default="project", help_text="whose rights connect uses")
    progress = models.JSONField(default=dict)
    state = models.CharField(max_length=10, default="wanted")
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class Recording(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    call_id = models.UUIDField(db_index=True)
    leg_id = models.UUIDField(null=True)
    control_id = models.CharField(max_length=100)
    state = models.CharField(max_length=10, default="recording")
    format = models.CharField(max_length=8)
    channels = models.IntegerField(default=1)
    duration_ms = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    path = models.CharField(max_length=500)
    transcript = models.JSONField(default=dict, db_default={}, editable=False)
    # wanted, running, finished, failed; empty where none was asked for
    transcript_state = models.CharField(max_length=10, default="", db_default="", editable=False)
    transcript_beat = models.DateTimeField(null=True, editable=False)
    waveform = models.BinaryField(null=True, editable=False, help_text="see calling.media.recording.envelope")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["call_id"], name="recording_open", condition=models.Q(state="recording")),
            models.Index(
                fields=["id"],
                name="recording_to_transcribe",
                condition=models.Q(transcript_state__in=["wanted", "running"]),
            ),
        ]
