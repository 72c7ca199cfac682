"""Addresses sorted by name: by an index, not by reading all of the project's."""

from django.db import migrations, models

from subscribers.resumed import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("subscribers", "0007_encryption_disabled")]

    operations = [
        AddIndexConcurrently(
            "address", models.Index(fields=["project", "name", "id"], name="address_by_name")
        ),
        AddIndexConcurrently(
            "address", models.Index(fields=["project", "kind", "name", "id"], name="address_kind_by_name")
        ),
    ]
