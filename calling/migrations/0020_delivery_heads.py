"""The head of each delivery stream is marked, so that a claim reads no backlog; and row policies that an
index serves, whatever the planner believes.

Triggers keep the mark, so that the version before, which knows nothing of it, keeps it too. A mark too many
does no harm: a claim looks whether anything older waits. One too few would: so who adds a delivery holds the
one before it until it commits, and takes the mark where somebody else has that one in hand; who settles that
one marks the next.
"""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

from subscribers.resumed import AddField, AddIndexConcurrently

PENDING = Q(state="pending")
HEAD = Q(state="pending", head=True)

FUNCTIONS = """
CREATE OR REPLACE FUNCTION callwright_delivery_enters() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    older record;
BEGIN
    NEW.head := true;
    -- By the whole key of the index of streams, so that no other serves: a fresh table has no statistics.
    SELECT d.id, d.endpoint_id, d.stream INTO older FROM public.calling_delivery d
    WHERE d.state = 'pending' AND (d.endpoint_id, d.stream, d.event_id, d.id)
        < (NEW.endpoint_id, NEW.stream, NEW.event_id, NEW.id)
    ORDER BY d.endpoint_id DESC, d.stream DESC, d.event_id DESC, d.id DESC LIMIT 1;
    IF FOUND AND older.endpoint_id = NEW.endpoint_id AND older.stream = NEW.stream THEN
        PERFORM FROM public.calling_delivery d
        WHERE d.id = older.id AND d.state = 'pending' FOR SHARE SKIP LOCKED;
        NEW.head := NOT FOUND;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION callwright_delivery_follows(endpoint uuid, line text, since bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next record;
BEGIN
    LOOP
        SELECT d.id, d.head, d.endpoint_id, d.stream INTO next FROM public.calling_delivery d
        WHERE d.state = 'pending' AND (d.endpoint_id, d.stream, d.event_id) >= (endpoint, line, since)
        ORDER BY d.endpoint_id, d.stream, d.event_id, d.id LIMIT 1;
        EXIT WHEN NOT FOUND OR next.endpoint_id <> endpoint OR next.stream <> line OR next.head;
        -- It may be settled in the very moment: then the one behind it is next.
        UPDATE public.calling_delivery d SET head = true WHERE d.id = next.id AND d.state = 'pending';
        EXIT WHEN FOUND;
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION callwright_delivery_follows(uuid, text, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION callwright_delivery_leaves() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone record;
BEGIN
    IF TG_OP = 'DELETE' THEN
        FOR gone IN SELECT o.endpoint_id, o.stream, min(o.event_id) AS event_id FROM before o
            WHERE o.state = 'pending' GROUP BY o.endpoint_id, o.stream ORDER BY 1, 2
        LOOP
            PERFORM public.callwright_delivery_follows(gone.endpoint_id, gone.stream, gone.event_id);
        END LOOP;
    ELSE
        FOR gone IN SELECT o.endpoint_id, o.stream, min(o.event_id) AS event_id
            FROM before o JOIN after n ON n.id = o.id
            WHERE o.state = 'pending' AND n.state <> 'pending' GROUP BY o.endpoint_id, o.stream ORDER BY 1, 2
        LOOP
            PERFORM public.callwright_delivery_follows(gone.endpoint_id, gone.stream, gone.event_id);
        END LOOP;
    END IF;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE OR REPLACE TRIGGER delivery_enters BEFORE INSERT ON calling_delivery
    FOR EACH ROW WHEN (NEW.state = 'pending') EXECUTE FUNCTION callwright_delivery_enters();
CREATE OR REPLACE TRIGGER delivery_comes_back BEFORE UPDATE ON calling_delivery
    FOR EACH ROW WHEN (NEW.state = 'pending' AND OLD.state <> 'pending')
    EXECUTE FUNCTION callwright_delivery_enters();
DROP TRIGGER IF EXISTS delivery_settled ON calling_delivery;
CREATE TRIGGER delivery_settled AFTER UPDATE ON calling_delivery
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION callwright_delivery_leaves();
DROP TRIGGER IF EXISTS delivery_removed ON calling_delivery;
CREATE TRIGGER delivery_removed AFTER DELETE ON calling_delivery
    REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION callwright_delivery_leaves();
"""

# What waits already. What comes meanwhile is marked by the triggers.
MARK = """
UPDATE calling_delivery d SET head = true, tried_at = CASE WHEN d.tries > 0 THEN d.created_at END
FROM (
    SELECT DISTINCT ON (endpoint_id, stream) id FROM calling_delivery WHERE state = 'pending'
    ORDER BY endpoint_id, stream, event_id, id
) heads
WHERE d.id = heads.id AND d.state = 'pending' AND NOT d.head
"""

NO_TRIGGERS = """
DROP TRIGGER delivery_enters ON calling_delivery;
DROP TRIGGER delivery_comes_back ON calling_delivery;
DROP TRIGGER delivery_settled ON calling_delivery;
DROP TRIGGER delivery_removed ON calling_delivery;
DROP FUNCTION callwright_delivery_leaves();
DROP FUNCTION callwright_delivery_follows(uuid, text, bigint);
DROP FUNCTION callwright_delivery_enters();
"""

# `EXISTS (…)` may be answered by a hash of the whole other table, and is, where the planner expects many
# rows: a token's list then reads every call of the instance. One value by its key is always looked up.
PARTS = (
    ("calling_leg", "call_id", "calling_call", "id"),
    ("calling_attempt", "leg_id", "calling_leg", "id"),
    ("calling_operation", "call_id", "calling_call", "id"),
    ("calling_sipdialog", "call_id", "calling_call", "id"),
    ("calling_member", "meeting_id", "calling_meeting", "id"),
    ("calling_trunk", "room_id", "subscribers_room", "id"),
    ("calling_delivery", "endpoint_id", "calling_webhookendpoint", "id"),
    ("calling_deliveryattempt", "delivery_id", "calling_delivery", "id"),
    ("calling_icecandidate", "peer_id", "calling_leg", "peer_id"),
)
FREE = "NOT (SELECT callwright_fenced())"
ONE = "(SELECT true FROM {whole} w WHERE w.{key} = {table}.{column} LIMIT 1)"
ANY = "EXISTS (SELECT 1 FROM {whole} w WHERE w.{key} = {table}.{column})"


def policies(test: str) -> list[str]:
    return [
        f"ALTER POLICY of_the_project ON {table} USING ({FREE} OR "
        + test.format(whole=whole, key=key, table=table, column=column)
        + ")"
        for table, column, whole, key in PARTS
    ]


class Migration(migrations.Migration):
    # Each statement in a transaction of its own; what was interrupted is done again from the start.
    atomic = False
    dependencies = [("calling", "0019_flat_as_it_grows")]

    operations = [
        AddField("delivery", "head", models.BooleanField(default=False, db_default=False)),
        AddField("delivery", "tried_at", models.DateTimeField(null=True)),
        AddField(
            "webhookendpoint",
            "hasten_at",
            models.DateTimeField(null=True, help_text="what was tried before then is due"),
        ),
        AddField(
            "webhookendpoint",
            "park_before",
            models.DateTimeField(null=True, help_text="what waits since before then is to be parked"),
        ),
        AddIndexConcurrently(
            "delivery",
            models.Index(
                fields=["endpoint", "stream", "event", "id"], name="delivery_stream", condition=PENDING
            ),
        ),
        migrations.RunSQL(FUNCTIONS + TRIGGERS, NO_TRIGGERS),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
        AddIndexConcurrently(
            "delivery", models.Index(fields=["endpoint", "next_at"], name="delivery_head", condition=HEAD)
        ),
        AddIndexConcurrently(
            "delivery",
            models.Index(
                fields=["endpoint", "tried_at"],
                name="delivery_head_tried",
                condition=HEAD & Q(tried_at__isnull=False),
            ),
        ),
        AddIndexConcurrently(
            "delivery", models.Index(fields=["created_at"], name="delivery_oldest", condition=PENDING)
        ),
        AddIndexConcurrently(
            "delivery",
            models.Index(fields=["created_at"], name="delivery_parked", condition=Q(state="parked")),
        ),
        AddIndexConcurrently(
            "webhookendpoint",
            models.Index(fields=["id"], name="endpoint_to_park", condition=Q(park_before__isnull=False)),
        ),
        RemoveIndexConcurrently("delivery", "delivery_pending"),
        RemoveIndexConcurrently("delivery", "delivery_due"),
        migrations.RunSQL(policies(ONE), policies(ANY)),
    ]
