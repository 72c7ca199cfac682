"""Whether another project has called in the last minute is asked at every dial; where none has, that was
looked for in every call ever made. Now live calls and those that ended since are looked up by an index each.
"""

from django.db import migrations, models
from django.db.models import Q

from subscribers.resumed import AddIndexConcurrently

OTHERS = """
CREATE OR REPLACE FUNCTION callwright_others_call(mine uuid, since timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp {settings} AS $$
    SELECT {condition}
$$;
"""
BY_INDEX = """
        EXISTS (SELECT FROM public.calling_call WHERE state <> 'ended' AND project_id <> mine)
        OR EXISTS (SELECT FROM public.calling_call WHERE ended_at > since AND project_id <> mine)"""
OF_ALL = """EXISTS (
        SELECT FROM public.calling_call
        WHERE (state <> 'ended' OR ended_at > since) AND project_id <> mine
    )"""
IN_ORDER = "SET enable_seqscan = off"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calling", "0034_delivery_plans")]

    operations = [
        AddIndexConcurrently(
            "call",
            models.Index(fields=["ended_at"], name="call_ended", condition=Q(ended_at__isnull=False)),
        ),
        migrations.RunSQL(
            OTHERS.format(settings=IN_ORDER, condition=BY_INDEX),
            OTHERS.format(settings="", condition=OF_ALL),
        ),
        migrations.RunSQL(
            f"ALTER FUNCTION callwright_legs_held(uuid) {IN_ORDER}",
            "ALTER FUNCTION callwright_legs_held(uuid) RESET enable_seqscan",
        ),
    ]
