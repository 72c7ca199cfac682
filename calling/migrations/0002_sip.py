"""SIP dialogs, and the index by which the SIP edge finds what to dial."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calling", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SipDialog",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("call_id", models.UUIDField(help_text="the call as it was claimed; the leg may move")),
                ("leg_id", models.UUIDField()),
                ("device_id", models.UUIDField(null=True)),
                ("edge", models.UUIDField()),
                ("direction", models.CharField(help_text="in or out", max_length=3)),
                ("state", models.CharField(default="early", max_length=10)),
                ("dialog", models.JSONField(default=dict)),
                ("lease_until", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "ended"), _negated=True),
                        fields=["lease_until"],
                        name="sip_dialog_live",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("kind", "sip"), ("state", "ringing")),
                fields=["id"],
                name="attempt_sip_waiting",
            ),
        ),
    ]
