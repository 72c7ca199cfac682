"""`disabled` as a choice of `encryption`; the version before knows it as a word without effect."""

from django.db import migrations, models

CHOICES = [
    ("default", "Default"),
    ("optional", "Optional"),
    ("required", "Required"),
    ("disabled", "Disabled"),
]


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0006_assignment")]

    operations = [
        migrations.AlterField(
            model, "encryption", models.CharField(choices=CHOICES, default="default", max_length=8)
        )
        for model in ("sipendpoint", "sipgateway")
    ]
