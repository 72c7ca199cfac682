"""Who sent a call on, as a trusted gateway says; the version before leaves it empty."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calling", "0007_sip_sides")]

    operations = [
        migrations.AddField(
            "call",
            "diverted_from",
            models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
    ]
