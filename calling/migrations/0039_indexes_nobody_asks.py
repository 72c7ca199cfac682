"""Two indexes that each call wrote and no look uses go: sessions of a project, and attempts at a device that
are over. Live ones of both have their own."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import deletion

OF_PROJECT = "calling_mediasession_project_id_5baec489"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0038_events_lock_no_project")]
    operations = [
        RemoveIndexConcurrently("attempt", "attempt_device"),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX CONCURRENTLY IF EXISTS {OF_PROJECT}",
                    f"CREATE INDEX CONCURRENTLY {OF_PROJECT} ON calling_mediasession (project_id)",
                )
            ],
            state_operations=[
                migrations.AlterField(
                    "mediasession",
                    "project",
                    models.ForeignKey(
                        "subscribers.project",
                        db_index=False,
                        on_delete=deletion.CASCADE,
                        related_name="+",
                    ),
                )
            ],
        ),
    ]
