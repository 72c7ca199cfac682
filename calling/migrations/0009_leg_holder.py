"""Who a guest is in full; the version before leaves it empty, and asks for the short address."""

from django.db import migrations, models

from subscribers.resumed import AddField, AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0008_call_diverted_from")]

    operations = [
        AddField(
            "leg",
            "holder",
            models.CharField(
                blank=True, db_default="", default="", help_text="a guest's full identity", max_length=64
            ),
        ),
        AddIndexConcurrently(
            "leg", models.Index(condition=~models.Q(holder=""), fields=["holder"], name="leg_holder")
        ),
    ]
