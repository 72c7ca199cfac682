"""A gateway's realm, and how the platform's registration there stands, as the SIP edge says."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0001_initial")]

    operations = [
        migrations.AddField(
            "sipgateway",
            "realm",
            models.CharField(
                blank=True,
                default="",
                help_text="of its challenges, the only ones answered; empty: its host",
                max_length=255,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "sipgateway",
            "registration_state",
            models.CharField(blank=True, default="", editable=False, max_length=12),
        ),
        migrations.AddField(
            "sipgateway", "registration_code", models.PositiveSmallIntegerField(editable=False, null=True)
        ),
        migrations.AddField("sipgateway", "registration_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("sipgateway", "registration_edge", models.UUIDField(editable=False, null=True)),
        migrations.AddField(
            "sipgateway", "registration_lease", models.DateTimeField(editable=False, null=True)
        ),
    ]
