"""The event log: outbox and history in one table.

`sequence` counts per stream (a call, a room) from 1 without gaps, taken under that row's lock.
`position` is the project's cursor, given at publication, so nothing ever appears behind one handed out.

The table is partitioned by `id`, which PostgreSQL gives in the order of writing: a range of numbers for each
day (`calling.calls.event_days`). Every partition keeps by unique indexes of its own that a stream's sequence,
a project's position and a call's end are there once; across partitions the locks under which these are given
do. Nobody looks for an `event_id`, so it has no index. The table has a column `filling` beside these, for
which nobody asks: see the migration `0036_packed_events`.
"""

from __future__ import annotations

from django.db import models

from calling.models.ids import uuid7


class Event(models.Model):
    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(default=uuid7, editable=False)
    # No index of its own: others begin with the project. No constraint: it would lock the project's row.
    project = models.ForeignKey(
        "subscribers.Project", db_constraint=False, db_index=False, on_delete=models.CASCADE, related_name="+"
    )
    call_id = models.UUIDField(null=True)
    stream = models.CharField(max_length=80, help_text="what sequence counts: call id, room:<id>, project")
    sequence = models.IntegerField(null=True)
    type = models.CharField(max_length=40)
    leg_id = models.UUIDField(null=True)
    data = models.JSONField(
        default=dict, help_text="the machine's own facts beside the call, for device edges"
    )
    body = models.TextField(help_text="the published JSON, byte for byte")
    created_at = models.DateTimeField()
    position = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="event_unpublished", condition=models.Q(position__isnull=True)),
            models.Index(fields=["call_id", "sequence"], name="event_call"),
            models.Index(fields=["project", "created_at"], name="event_project_created"),
            models.Index(
                fields=["project", "type", "position"],
                name="event_project_type",
                condition=models.Q(position__isnull=False),
            ),
        ]
