"""What is taken out of recognised words, as a setting of the project."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0008_address_order")]

    operations = [
        migrations.AddField(
            "project",
            "redact",
            models.JSONField(
                default=list,
                db_default=[],
                blank=True,
                editable=False,
                help_text="Taken out of what is recognised, where an operation does not say: "
                "digits, card_numbers.",
            ),
        ),
    ]
