"""Rows that change often are cheap to change: a lease that is renewed touches no index any more, the pages of
such tables keep room for the next version, and descriptions (SDP) lie outside of the row of their leg, which
changes a dozen times in a call while they do not. Two indexes that others begin with go.

Nothing is rewritten: what stands in a table says how new versions are stored. The version before renews,
looks for lost sessions and writes legs as it did.
"""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

from subscribers.resumed import AddIndexConcurrently

ROOM = {"call": 70, "leg": 60, "mediasession": 50, "event": 80, "device": 70}
"""How full a page is when rows are added, in percent."""
LEG_BYTES = 900  # of a leg's row, before its longest columns go outside


BEGUN_BY_OTHERS = (
    ("call", "calling_call_project_id_fb460630", "calls"),
    ("event", "calling_event_project_id_0fc91e0d", "+"),
)
"""Model, its index of the project alone, and what a project calls its rows."""


def without_index(model: str, index: str, rows: str) -> migrations.SeparateDatabaseAndState:
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                f"DROP INDEX CONCURRENTLY IF EXISTS {index}",
                f"CREATE INDEX CONCURRENTLY {index} ON calling_{model} (project_id)",
            )
        ],
        state_operations=[
            migrations.AlterField(
                model,
                "project",
                models.ForeignKey(
                    "subscribers.Project", db_index=False, on_delete=models.CASCADE, related_name=rows
                ),
            )
        ],
    )


def storage() -> str:
    set_room = "".join(
        f"ALTER TABLE calling_{table} SET (fillfactor = {room});" for table, room in ROOM.items()
    )
    return f"{set_room} ALTER TABLE calling_leg SET (toast_tuple_target = {LEG_BYTES});"


def as_before() -> str:
    room = "".join(f"ALTER TABLE calling_{table} RESET (fillfactor);" for table in ROOM)
    return f"{room} ALTER TABLE calling_leg RESET (toast_tuple_target);"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0030_saved_search_and_waveform")]

    operations = [
        migrations.RunSQL(storage(), as_before()),
        AddIndexConcurrently(
            "mediasession", models.Index(fields=["state"], name="session_open", condition=~Q(state="ended"))
        ),
        RemoveIndexConcurrently("mediasession", "session_live"),
        *(without_index(*each) for each in BEGUN_BY_OTHERS),
    ]
