"""SIP traces. Staff pages alone show them, so the role of requests gets no rights."""

import django.db.models.deletion
from django.db import migrations, models

from subscribers.database_roles import ROLE

CLOSE = f"""
DO $$ BEGIN
    IF to_regrole('{ROLE}') IS NOT NULL THEN
        REVOKE ALL ON calling_siptracing, calling_sipmessage FROM {ROLE};
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0027_sign_in_tables"),
        ("subscribers", "0009_project_redact"),
    ]

    operations = [
        migrations.CreateModel(
            "SipTracing",
            [
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="sip_tracing",
                        serialize=False,
                        to="subscribers.project",
                    ),
                ),
                ("until", models.DateTimeField()),
                ("bytes", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            "SipMessage",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("call_id", models.UUIDField()),
                ("leg_id", models.UUIDField()),
                ("at", models.DateTimeField(help_text="when the edge sent or received it")),
                ("outgoing", models.BooleanField(help_text="from the platform to the far end")),
                ("transport", models.CharField(help_text="UDP, TCP, TLS, WS or WSS", max_length=3)),
                ("local_host", models.GenericIPAddressField()),
                ("local_port", models.IntegerField()),
                ("remote_host", models.GenericIPAddressField()),
                ("remote_port", models.IntegerField()),
                ("size", models.IntegerField()),
                ("data", models.BinaryField()),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.project",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["call_id", "at"], name="sip_message_of_call"),
                    models.Index(fields=["at"], name="sip_message_by_age"),
                ],
            },
        ),
        migrations.RunSQL(CLOSE, migrations.RunSQL.noop),
    ]
