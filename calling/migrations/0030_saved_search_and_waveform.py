"""Searches that staff keep by a name, and waveforms of recordings.

No request of a project reads the searches, so its role gets no rights to them. The version before neither
reads nor writes a waveform.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import calling.models.ids
from subscribers.database_roles import ROLE

CLOSE = f"""
DO $$ BEGIN
    IF to_regrole('{ROLE}') IS NOT NULL THEN REVOKE ALL ON calling_savedsearch FROM {ROLE}; END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0029_sip_trace"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            "SavedSearch",
            [
                (
                    "id",
                    models.UUIDField(
                        default=calling.models.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("query", models.CharField(max_length=2000)),
                ("shared", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.project",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("project", "user", "name"), name="one_search_per_name")
                ],
            },
        ),
        migrations.AddField(
            "recording",
            "waveform",
            models.BinaryField(editable=False, help_text="see calling.media.recording.envelope", null=True),
        ),
        migrations.RunSQL(CLOSE, migrations.RunSQL.noop),
    ]
