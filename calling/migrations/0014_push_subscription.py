"""Web Push subscriptions of subscribers, fenced off between projects like every other row of theirs."""

import django.db.models.deletion
from django.db import migrations, models

import calling.models.ids

ROLE = "callwright_tenant"
TABLES = ("calling_pushsubscription", "calling_pushring")


def fence(table: str) -> str:
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_project ON {table} USING (
    current_user <> '{ROLE}'
    OR project_id = (SELECT nullif(current_setting('callwright.project', true), '')::uuid)
);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0013_alert"),
        ("subscribers", "0005_subscriber_history_seen_at"),
    ]

    operations = [
        migrations.CreateModel(
            "PushSubscription",
            [
                (
                    "id",
                    models.UUIDField(
                        default=calling.models.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "endpoint",
                    models.CharField(help_text="a URL of the browser's push service", max_length=1000),
                ),
                (
                    "p256dh",
                    models.CharField(help_text="base64url: the browser's public key", max_length=100),
                ),
                ("auth", models.CharField(help_text="base64url: the secret of RFC 8291", max_length=32)),
                (
                    "family",
                    models.UUIDField(help_text="of the token it was made with: it ends with it", null=True),
                ),
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
                    "subscriber",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.subscriber",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subscriber", "endpoint"), name="push_subscription_endpoint"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            "PushRing",
            [
                ("leg_id", models.UUIDField(primary_key=True, serialize=False)),
                ("call_id", models.UUIDField()),
                ("subscriber_id", models.UUIDField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.project",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            "".join(fence(table) for table in TABLES),
            "".join(f"DROP POLICY of_the_project ON {table};" for table in TABLES),
        ),
    ]
