"""One row of a web process is renewed instead of every device on its sockets. No request of a project reads
it, so its role gets no rights.

A device on a socket of the version before has no lease: its own time counts, as before. One that this version
holds looks to the version before like a phone that registered for an hour.
"""

from django.db import migrations, models
from django.db.models import Q

from subscribers.database_roles import ROLE
from subscribers.resumed import AddField, AddIndexConcurrently, CreateModel

CLOSE = f"""
DO $$ BEGIN
    IF to_regrole('{ROLE}') IS NOT NULL THEN REVOKE ALL ON calling_presencelease FROM {ROLE}; END IF;
END $$;
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0031_cheap_rows")]

    operations = [
        CreateModel(
            "PresenceLease",
            [
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(CLOSE, migrations.RunSQL.noop),
        AddField(
            "device",
            "lease_id",
            models.UUIDField(null=True, help_text="the presence lease of the process that has the socket"),
        ),
        AddIndexConcurrently(
            "device",
            models.Index(
                fields=["lease_id"],
                name="device_presence_lease",
                condition=Q(lease_id__isnull=False, online_until__isnull=False),
            ),
        ),
    ]
