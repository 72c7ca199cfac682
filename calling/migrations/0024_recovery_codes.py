"""Recovery codes of second factors: hashes. The version before neither reads nor writes them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calling", "0023_staff_invite")]

    operations = [
        migrations.AddField(
            "secondfactor",
            "recovery",
            models.JSONField(db_default=[], default=list, editable=False),
        ),
    ]
