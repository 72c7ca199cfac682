"""Alerts of projects, fenced off between projects like every other row of theirs."""

import django.db.models.deletion
from django.db import migrations, models

import calling.models.ids

ROLE = "callwright_tenant"
FENCE = f"""
ALTER TABLE calling_alert ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_project ON calling_alert USING (
    current_user <> '{ROLE}'
    OR project_id = (SELECT nullif(current_setting('callwright.project', true), '')::uuid)
);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0012_leg_parts_and_settings"),
        ("subscribers", "0005_subscriber_history_seen_at"),
    ]

    operations = [
        migrations.CreateModel(
            "Alert",
            [
                (
                    "id",
                    models.UUIDField(
                        default=calling.models.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("webhook_failing", "Webhook Failing"),
                            ("worker_lost", "Worker Lost"),
                            ("quality", "Quality"),
                            ("balance", "Balance"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "to",
                    models.CharField(help_text="a mail address, or a URL that takes a POST", max_length=2000),
                ),
                ("threshold", models.DecimalField(decimal_places=6, max_digits=16, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("raised_at", models.DateTimeField(null=True)),
                ("detail", models.JSONField(default=dict)),
                ("telling", models.BooleanField(default=False)),
                ("tries", models.IntegerField(default=0)),
                ("next_at", models.DateTimeField(null=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="subscribers.project",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("telling", True)), fields=["next_at"], name="alert_to_tell"
                    )
                ],
            },
        ),
        migrations.RunSQL(FENCE, "DROP POLICY of_the_project ON calling_alert;"),
    ]
