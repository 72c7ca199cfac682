"""Bodies of events are compressed where they lie: a third of their bytes, in the table and in the WAL.

PostgreSQL compresses the values of a row only once the row is longer than 2 kB, which no setting changes, and
an event of a call has 1.3 kB. So a trigger gives such a row a filling of spaces, which makes it long enough
and is 22 bytes itself once compressed: longer, it would be more than a pointer, and lie outside. Whoever
writes and reads events knows nothing of it: the version before too, and its events are packed as well.
`MAIN`: what is compressed stays in its row, up to a page.

No row is rewritten, and no lock is held but for a blink.
"""

from importlib import import_module

from django.db import migrations

in_a_blink = import_module("calling.migrations.0033_event_days").in_a_blink

FILLING = 1090  # letters that are compressed to less than a pointer
LEAST, MOST = 800, 1900  # bytes of a body: a row with less stays short, and one with more is long by itself
PACKED_BYTES = 1000  # of a row, before its values are compressed

FILL = f"""
CREATE OR REPLACE FUNCTION callwright_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.filling := repeat(' ', {FILLING});
    RETURN NEW;
END
$$;
ALTER TABLE calling_event ADD COLUMN IF NOT EXISTS filling text,
    ALTER COLUMN stream SET STORAGE MAIN, ALTER COLUMN type SET STORAGE MAIN,
    ALTER COLUMN data SET STORAGE MAIN, ALTER COLUMN body SET STORAGE MAIN;
DROP TRIGGER IF EXISTS event_is_filled ON calling_event;
CREATE TRIGGER event_is_filled BEFORE INSERT ON calling_event FOR EACH ROW
    WHEN (octet_length(NEW.body) BETWEEN {LEAST} AND {MOST}) EXECUTE FUNCTION callwright_fill();
"""
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'calling_event'::regclass"


def pack(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        in_a_blink(cursor, lambda: cursor.execute(FILL))
        cursor.execute(PARTITIONS)
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {name} SET (toast_tuple_target = {PACKED_BYTES})")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0035_call_ends")]
    operations = [migrations.RunPython(pack)]
