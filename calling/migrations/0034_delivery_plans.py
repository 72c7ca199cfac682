"""The functions that keep the heads of deliveries read in the index's order, whatever the planner believes.

When its statistics are of an hour in which nothing was pending, it takes a partial index of what pends for
one row: it sorts all of it to find the first, and looks through all of it for a row whose key is known. A
burst then costs its square: 1,465 blocks for each of 1,000 deliveries. Sorting is off in these functions, and
the condition on a row that is looked up by its key is said in words that no partial index answers.

Rows of deliveries change twice at least, the first time in no column of an index: their pages keep room for
that. The index of the endpoint alone goes, because others begin with it.
"""

from django.db import migrations, models
from django.db.models import deletion

FUNCTIONS = """
CREATE OR REPLACE FUNCTION callwright_delivery_enters() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp {settings} AS $$
DECLARE
    older record;
BEGIN
    NEW.head := true;
    SELECT d.id, d.endpoint_id, d.stream INTO older FROM public.calling_delivery d
    WHERE d.state = 'pending' AND (d.endpoint_id, d.stream, d.event_id, d.id)
        < (NEW.endpoint_id, NEW.stream, NEW.event_id, NEW.id)
    ORDER BY d.endpoint_id DESC, d.stream DESC, d.event_id DESC, d.id DESC LIMIT 1;
    IF FOUND AND older.endpoint_id = NEW.endpoint_id AND older.stream = NEW.stream THEN
        PERFORM FROM public.calling_delivery d
        WHERE d.id = older.id AND {pending} FOR SHARE SKIP LOCKED;
        NEW.head := NOT FOUND;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION callwright_delivery_follows(endpoint uuid, line text, since bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp {settings} AS $$
DECLARE
    next record;
BEGIN
    LOOP
        SELECT d.id, d.head, d.endpoint_id, d.stream INTO next FROM public.calling_delivery d
        WHERE d.state = 'pending' AND (d.endpoint_id, d.stream, d.event_id) >= (endpoint, line, since)
        ORDER BY d.endpoint_id, d.stream, d.event_id, d.id LIMIT 1;
        EXIT WHEN NOT FOUND OR next.endpoint_id <> endpoint OR next.stream <> line OR next.head;
        -- It may be settled in the very moment: then the one behind it is next.
        UPDATE public.calling_delivery d SET head = true WHERE d.id = next.id AND {pending};
        EXIT WHEN FOUND;
    END LOOP;
END $$;
"""
IN_ORDER = "SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off"
NOW = FUNCTIONS.format(settings=IN_ORDER, pending="d.state || '' = 'pending'")
BEFORE = FUNCTIONS.format(settings="", pending="d.state = 'pending'")

INDEX = "calling_delivery_endpoint_id_be74f4b4"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0033_event_days")]

    operations = [
        migrations.RunSQL(NOW, BEFORE),
        migrations.RunSQL(
            "ALTER TABLE calling_delivery SET (fillfactor = 70)",
            "ALTER TABLE calling_delivery RESET (fillfactor)",
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}",
                    f"CREATE INDEX CONCURRENTLY {INDEX} ON calling_delivery (endpoint_id)",
                )
            ],
            state_operations=[
                migrations.AlterField(
                    "delivery",
                    "endpoint",
                    models.ForeignKey(
                        "calling.WebhookEndpoint",
                        db_index=False,
                        on_delete=deletion.CASCADE,
                        related_name="deliveries",
                    ),
                )
            ],
        ),
    ]
