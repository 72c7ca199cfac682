"""Of a SIP party: where its sound may be learned from behind a NAT, and whether it takes INFO."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calling", "0006_row_security")]

    operations = [
        migrations.AddField(
            "sipdialog",
            "media_source",
            models.CharField(
                help_text="behind a NAT: the address its sound may be learned from", max_length=45, null=True
            ),
        ),
        migrations.AddField(
            "sipdialog",
            "takes_info",
            models.BooleanField(help_text="the far end's Allow has INFO", null=True),
        ),
    ]
