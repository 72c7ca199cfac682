"""Descriptions (SDP) go outside of the row of their leg as they come, not only once it has two.

An offer of 1.2 kB alone did not make a row long enough for that: it stood in the row, was written again with
the next version that found no place on its page, and a last time when the answer sent both outside. The
filling of `0036_packed_events` makes the row long enough at once: a trigger's for a row that is added, and
`calling.calls.store` says it with an offer that comes later, because before an update a trigger locks the
row, which is a record more for each. The version before writes and reads legs as it did.
"""

from importlib import import_module

from django.db import migrations

in_a_blink = import_module("calling.migrations.0033_event_days").in_a_blink

LEAST, MOST = 750, 1900  # bytes of an offer: a row with less stays short, and one with more is long by itself

FILL = f"""
ALTER TABLE calling_leg ADD COLUMN IF NOT EXISTS filling text;
DROP TRIGGER IF EXISTS leg_is_filled ON calling_leg;
CREATE TRIGGER leg_is_filled BEFORE INSERT ON calling_leg FOR EACH ROW
    WHEN (octet_length(NEW.offer) BETWEEN {LEAST} AND {MOST}) EXECUTE FUNCTION callwright_fill();
"""


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        in_a_blink(cursor, lambda: cursor.execute(FILL))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0036_packed_events")]
    operations = [migrations.RunPython(fill)]
