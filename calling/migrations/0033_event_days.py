"""Events lie in partitions by number, one for each day; the table of before is the first, as it stands.

Numbers (`id`) come from one sequence. `calling.retention.partitions` moves it on to a new day's range of
numbers, so rows of a day lie together and nobody who writes has to know of days: the version before writes
and reads as it did. A partition cannot keep rows of others apart, so what was unique in the whole table is so
in each partition. No row is rewritten, and no lock is held but for a blink: what may not be had at once is
tried again.
"""

from django.db import OperationalError, migrations, models, transaction
from psycopg.errors import LockNotAvailable

import calling.models.ids

ROLE = "callwright_tenant"
SHIFT = 36  # bits of a number below its day
TRIES = 900

EDGE = f"SELECT ((now() AT TIME ZONE 'UTC')::date - '1970-01-01'::date)::bigint << {SHIFT}"
# From the catalogue, so that the whole table is not read under a lock: it is checked here, beside writers.
DOUBT = """
ALTER TABLE calling_event DROP CONSTRAINT IF EXISTS event_before_days;
ALTER TABLE calling_event ADD CONSTRAINT event_before_days CHECK (id < {edge}) NOT VALID;
"""
CHECK = "ALTER TABLE calling_event VALIDATE CONSTRAINT event_before_days"

POINTS_AT_EVENTS = """
SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint
WHERE contype = 'f' AND confrelid = 'calling_event'::regclass
"""
OF_PROJECT = """
SELECT quote_ident(conname) FROM pg_constraint
WHERE contype = 'f' AND conrelid = 'calling_event'::regclass AND confrelid = 'subscribers_project'::regclass
"""

SWAP = """
ALTER TABLE calling_event ALTER COLUMN id DROP IDENTITY IF EXISTS;
ALTER TABLE calling_event RENAME TO calling_event_first;
ALTER TABLE calling_event_first RENAME CONSTRAINT calling_event_pkey TO calling_event_first_pkey;
ALTER INDEX event_call RENAME TO event_first_call;
ALTER INDEX event_unpublished RENAME TO event_first_unpublished;
ALTER INDEX event_project_created RENAME TO event_first_project_created;
ALTER INDEX event_project_type RENAME TO event_first_project_type;

CREATE SEQUENCE calling_event_id_seq START WITH {next};
CREATE TABLE calling_event (
    LIKE calling_event_first INCLUDING DEFAULTS INCLUDING STORAGE,
    CONSTRAINT calling_event_pkey PRIMARY KEY (id),
    CONSTRAINT {of_project} FOREIGN KEY (project_id) REFERENCES subscribers_project (id)
        DEFERRABLE INITIALLY DEFERRED
) PARTITION BY RANGE (id);
ALTER SEQUENCE calling_event_id_seq OWNED BY calling_event.id;
ALTER TABLE calling_event ALTER COLUMN id SET DEFAULT nextval('calling_event_id_seq');
CREATE INDEX event_call ON calling_event (call_id, sequence);
CREATE INDEX event_unpublished ON calling_event (id) WHERE position IS NULL;
CREATE INDEX event_project_created ON calling_event (project_id, created_at);
CREATE INDEX event_project_type ON calling_event (project_id, type, position) WHERE position IS NOT NULL;
ALTER TABLE calling_event ATTACH PARTITION calling_event_first FOR VALUES FROM (MINVALUE) TO ({edge});
ALTER TABLE calling_event_first DROP CONSTRAINT event_before_days;

-- For a number that no partition has: nobody gives such a one, but a write must not fail for it.
CREATE TABLE calling_event_other (LIKE calling_event INCLUDING DEFAULTS INCLUDING STORAGE)
    WITH (fillfactor = 80);
CREATE UNIQUE INDEX ON calling_event_other (event_id);
CREATE UNIQUE INDEX ON calling_event_other (stream, sequence);
CREATE UNIQUE INDEX ON calling_event_other (project_id, position);
CREATE UNIQUE INDEX ON calling_event_other (call_id) WHERE type = 'call.ended';
ALTER TABLE calling_event ATTACH PARTITION calling_event_other DEFAULT;

-- Since when numbers of a partition are given.
CREATE TABLE callwright_event_day (first_number bigint PRIMARY KEY, begun_at timestamptz NOT NULL);

-- Through the whole table its policy holds, and asked by its own name a partition's.
ALTER TABLE calling_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_project ON calling_event USING (
    NOT (SELECT callwright_fenced()) OR project_id = (SELECT callwright_project())
);
ALTER TABLE calling_event_other ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_project ON calling_event_other USING (
    NOT (SELECT callwright_fenced()) OR project_id = (SELECT callwright_project())
);
"""
RIGHTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON calling_event TO {ROLE};
GRANT USAGE, SELECT ON SEQUENCE calling_event_id_seq TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON calling_event_other TO {ROLE};
REVOKE ALL ON callwright_event_day FROM {ROLE};
GRANT SELECT ON callwright_event_day TO {ROLE};
"""


def by_days(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT relkind FROM pg_class WHERE oid = 'calling_event'::regclass")
        if cursor.fetchone()[0] == "p":  # done before, and interrupted just then
            return
        cursor.execute(EDGE)
        (edge,) = cursor.fetchone()
        in_a_blink(cursor, lambda: cursor.execute(DOUBT.format(edge=edge)))
        cursor.execute(CHECK)
        in_a_blink(cursor, lambda: swap(cursor, edge))


def swap(cursor, edge):
    cursor.execute("LOCK TABLE calling_event, calling_delivery IN ACCESS EXCLUSIVE MODE")
    cursor.execute(POINTS_AT_EVENTS)
    for table, name in cursor.fetchall():
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    cursor.execute(OF_PROJECT)
    (of_project,) = cursor.fetchone()
    cursor.execute("SELECT nextval(pg_get_serial_sequence('calling_event', 'id'))")
    cursor.execute(SWAP.format(edge=edge, of_project=of_project, next=cursor.fetchone()[0] + 1))
    cursor.execute("SELECT to_regrole(%s) IS NOT NULL", [ROLE])
    if cursor.fetchone()[0]:
        cursor.execute(RIGHTS)


def in_a_blink(cursor, work):
    """Do it in a transaction that waits for no lock: who waits for one makes everybody behind it wait."""
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                cursor.execute("SET LOCAL lock_timeout = '300ms'")
                work()
            return
        except OperationalError as error:
            if not left or not isinstance(error.__cause__, LockNotAvailable):
                raise
        cursor.execute("SELECT pg_sleep(0.2)")


class Migration(migrations.Migration):
    # What was interrupted is done again from the start.
    atomic = False
    dependencies = [("calling", "0032_presence_lease")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(by_days)],
            state_operations=[
                migrations.RemoveConstraint("event", "event_stream_sequence"),
                migrations.RemoveConstraint("event", "event_project_position"),
                migrations.RemoveConstraint("event", "one_call_ended_per_call"),
                migrations.AlterField(
                    "event", "event_id", models.UUIDField(default=calling.models.ids.uuid7, editable=False)
                ),
                migrations.AlterField(
                    "delivery",
                    "event",
                    models.ForeignKey(
                        "calling.event",
                        db_constraint=False,
                        on_delete=models.CASCADE,
                        related_name="deliveries",
                    ),
                ),
            ],
        ),
    ]
