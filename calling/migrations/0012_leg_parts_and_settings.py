"""Shared screens as legs of their own, and what participants set; the version before knows neither."""

from django.db import migrations, models

from subscribers.resumed import AddField, AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0009_leg_holder")]

    operations = [
        AddField(
            "leg",
            "part",
            models.CharField(
                blank=True, db_default="", default="", help_text="screen or device: see part_of", max_length=8
            ),
        ),
        AddField(
            "leg",
            "part_of",
            models.UUIDField(null=True, help_text="the leg of the party whose further picture this is"),
        ),
        AddField(
            "leg",
            "settings",
            models.JSONField(null=True, help_text="what a participant set for itself; null: nothing"),
        ),
        AddIndexConcurrently(
            "leg",
            models.Index(condition=models.Q(part_of__isnull=False), fields=["part_of"], name="leg_part_of"),
        ),
    ]
