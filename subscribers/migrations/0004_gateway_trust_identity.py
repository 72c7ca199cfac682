"""Whether a gateway's word on who calls is taken; the version before leaves it false."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0003_nat")]

    operations = [
        migrations.AddField(
            "sipgateway",
            "trust_identity",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="its P-Asserted-Identity, Remote-Party-ID, Diversion and History-Info are believed",
            ),
        ),
    ]
