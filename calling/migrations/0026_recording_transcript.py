"""What was said in a recording, beside it. The version before neither reads nor writes it."""

from django.db import migrations, models

from subscribers.resumed import AddField, AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False  # an index that waits for nobody
    dependencies = [("calling", "0024_recovery_codes")]

    operations = [
        AddField(
            "recording",
            "transcript",
            models.JSONField(db_default={}, default=dict, editable=False),
        ),
        AddField(
            "recording",
            "transcript_state",
            models.CharField(db_default="", default="", editable=False, max_length=10),
        ),
        AddField("recording", "transcript_beat", models.DateTimeField(editable=False, null=True)),
        AddIndexConcurrently(
            "recording",
            models.Index(
                fields=["id"],
                name="recording_to_transcribe",
                condition=models.Q(transcript_state__in=["wanted", "running"]),
            ),
        ),
    ]
