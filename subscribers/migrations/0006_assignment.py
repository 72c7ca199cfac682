"""Numbers that are assigned but not yet used, trusted projects, and what staff lets a gateway do.

Numbers that are there count as assigned and in use. `callwright_networks_taken` answers one question about
other projects' gateways for a request that row-level security shows none of them.
"""

from django.db import migrations, models

import subscribers.models.number
import subscribers.models.sip

NETWORKS_TAKEN = """
CREATE FUNCTION callwright_networks_taken(mine uuid, networks text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.subscribers_sipgateway other,
            pg_catalog.jsonb_array_elements_text(other.ip_addresses) AS named, unnest(networks) AS wanted
        WHERE other.project_id <> mine AND named::inet && wanted::inet
    )
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0005_subscriber_history_seen_at")]

    operations = [
        migrations.AddField(
            "project",
            "trusted",
            models.BooleanField(
                blank=True,
                null=True,
                help_text="Its keys may do what else platform staff does: take any free phone number, and "
                "name any networks as a gateway's. The first project of an instance on the embedded "
                "database is.",
            ),
        ),
        migrations.AddField("phonenumber", "in_use", models.BooleanField(default=True, db_default=True)),
        migrations.AlterField(
            "phonenumber",
            "number",
            models.CharField(max_length=16, unique=True, validators=[subscribers.models.number.E164]),
        ),
        migrations.AddField(
            "sipgateway",
            "names",
            models.JSONField(
                blank=True,
                default=list,
                db_default=[],
                help_text='user parts that may be dialled there: "sales"',
            ),
        ),
        migrations.AddField(
            "sipgateway",
            "staff_networks",
            models.JSONField(
                blank=True,
                default=list,
                db_default=[],
                validators=[subscribers.models.sip.networks],
                help_text="Set by platform staff: private networks that its host may be in, and networks "
                "that its `ip_addresses` may name though they are wide, loopback or another project's.",
            ),
        ),
        migrations.AlterField(
            "sipgateway",
            "ip_addresses",
            models.JSONField(blank=True, default=list, validators=[subscribers.models.sip.networks]),
        ),
        migrations.RunSQL(NETWORKS_TAKEN, "DROP FUNCTION callwright_networks_taken(uuid, text[])"),
    ]
