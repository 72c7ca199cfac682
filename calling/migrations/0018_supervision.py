"""Supervisors' calls: what each listens to, and who listens to a call. The version before knows of none."""

from django.db import migrations, models

from subscribers.resumed import AddField, AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0014_push_subscription")]

    operations = [
        AddField(
            "call",
            "supervises",
            models.UUIDField(null=True, help_text="the call that this call's party listens to"),
        ),
        AddField(
            "call",
            "supervision",
            models.JSONField(null=True, help_text="of a supervisor's call: mode, leg_id, by, tone"),
        ),
        AddField(
            "call",
            "supervisors",
            models.JSONField(null=True, help_text="the live calls of who listens to this one"),
        ),
        AddIndexConcurrently(
            "call",
            models.Index(
                condition=models.Q(supervises__isnull=False), fields=["supervises"], name="call_supervises"
            ),
        ),
    ]
