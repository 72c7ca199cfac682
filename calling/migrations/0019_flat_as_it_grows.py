"""Indexes for what walked a whole history: a token's legs, filtered lists, the log by time and by type,
the lease of devices, open recordings. A device notes since when it is offline, to be forgotten in a day."""

from django.db import migrations, models
from django.db.models import Q

from subscribers.resumed import AddField, AddIndexConcurrently

LISTED = ("-created_at", "-id")
LIVE = ~Q(state="ended")

INDEXES = (
    ("leg", "leg_former_call", ["former_call_id"], Q(former_call_id__isnull=False)),
    ("leg", "leg_subscriber_call", ["subscriber_id", "call"], None),
    ("leg", "leg_unnamed_live", ["address"], Q(holder="", subscriber_id=None) & LIVE),
    ("leg", "leg_room_live", ["app_ref"], Q(app="room") & LIVE),
    ("attempt", "attempt_device_live", ["device_id"], Q(state__in=["preparing", "ringing"])),
    ("device", "device_lease", ["online_until"], Q(online_until__isnull=False)),
    ("device", "device_gone", ["offline_at"], Q(online_until__isnull=True)),
    ("recording", "recording_open", ["call_id"], Q(state="recording")),
    ("call", "call_from", ["project", "from_address", *LISTED], None),
    ("call", "call_to", ["project", "to_address", *LISTED], None),
    ("call", "call_kind", ["project", "kind", *LISTED], None),
    ("call", "call_end_reason", ["project", "end_reason", *LISTED], Q(end_reason__isnull=False)),
    ("call", "call_consult_of", ["consult_of"], Q(consult_of__isnull=False)),
    ("event", "event_project_created", ["project", "created_at"], None),
    ("event", "event_project_type", ["project", "type", "position"], Q(position__isnull=False)),
    ("delivery", "delivery_newest", ["endpoint", *LISTED], None),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0017_conversations")]

    operations = [
        AddField(
            "device",
            "offline_at",
            models.DateTimeField(null=True, help_text="since when; the row is forgotten a day later"),
        ),
        *(
            AddIndexConcurrently(table, models.Index(fields=fields, name=name, condition=condition))
            for table, name, fields, condition in INDEXES
        ),
    ]
