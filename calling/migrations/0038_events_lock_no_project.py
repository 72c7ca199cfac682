"""An event no longer locks the row of its project, as every turn of all calls of a project did.

Its call has a project for sure, and what asks for a project's events names it. A project that is deleted
takes its events along, as before: Django looks for them.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models import deletion

before = import_module("calling.migrations.0033_event_days")


def free(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(before.OF_PROJECT)
        for (name,) in cursor.fetchall():
            words = f"ALTER TABLE calling_event DROP CONSTRAINT IF EXISTS {name}"
            before.in_a_blink(cursor, lambda words=words: cursor.execute(words))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0037_offers_outside")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(free)],
            state_operations=[
                migrations.AlterField(
                    "event",
                    "project",
                    models.ForeignKey(
                        "subscribers.project",
                        db_constraint=False,
                        db_index=False,
                        on_delete=deletion.CASCADE,
                        related_name="+",
                    ),
                )
            ],
        )
    ]
