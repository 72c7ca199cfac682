"""Endpoints and gateways behind a NAT, whose sound comes from elsewhere than their description says."""

from django.db import migrations, models


def nat() -> models.BooleanField:
    return models.BooleanField(
        db_default=False, default=False, help_text="learn where its sound comes from (RFC 7362)"
    )


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0002_gateway_registration")]

    operations = [
        migrations.AddField("sipendpoint", "nat", nat()),
        migrations.AddField("sipgateway", "nat", nat()),
    ]
