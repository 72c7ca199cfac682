"""Row-level security: requests of a project run as a role that sees no other project's rows.

`subscribers.row_security` takes and leaves the role. The owner of the tables (what migrates, sweeps and
carries calls) is not bound by policies. Where the database user may not create roles, the policies are
there and nobody takes the role until `manage.py prepare` could make it: `manage.py doctor` says so.
"""

from django.db import migrations

from subscribers.database_roles import MAKE_ROLE, ROLE

OWNED = (
    "subscribers_address", "subscribers_phonenumber", "subscribers_room", "subscribers_script",
    "subscribers_sipendpoint", "subscribers_sipgateway", "subscribers_subscriber", "tokens_apitoken",
    "tokens_issuedtoken", "tokens_embedtoken", "calling_call", "calling_device", "calling_event",
    "calling_account", "calling_phonerate", "calling_phonecharge", "calling_ledgerentry", "calling_meeting",
    "calling_scriptrun", "calling_recording", "calling_mediasession", "calling_webhookendpoint",
)  # fmt: skip

# Rows without a project are the instance's, and hold for every project.
SHARED = ("calling_phonerate",)

# Rows that belong to a project by what they point at.
PARTS = (
    ("calling_leg", "call_id", "calling_call"),
    ("calling_attempt", "leg_id", "calling_leg"),
    ("calling_operation", "call_id", "calling_call"),
    ("calling_sipdialog", "call_id", "calling_call"),
    ("calling_member", "meeting_id", "calling_meeting"),
    ("calling_trunk", "room_id", "subscribers_room"),
    ("calling_delivery", "endpoint_id", "calling_webhookendpoint"),
    ("calling_deliveryattempt", "delivery_id", "calling_delivery"),
)

PROJECT = "(SELECT nullif(current_setting('callwright.project', true), '')::uuid)"


def fence(table: str, test: str, seen: str = "false") -> str:
    """`test`: the row is the project's, to be read and written. `seen`: it may be read besides."""
    writes = f"current_user <> '{ROLE}' OR {test}"
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY of_the_project ON {table} USING ({writes});"
        + (f"CREATE POLICY of_everybody ON {table} FOR SELECT USING ({seen});" if seen != "false" else "")
    )


def fences() -> str:
    """Every table's policy. `current_user <> …`: a user who is not the owner is not locked out."""
    own = [fence(table, f"project_id = {PROJECT}") for table in OWNED if table not in SHARED]
    own += [fence(table, f"project_id = {PROJECT}", "project_id IS NULL") for table in SHARED]
    own.append(fence("subscribers_project", f"id = {PROJECT}"))
    parts = [
        fence(table, f"EXISTS (SELECT 1 FROM {whole} w WHERE w.id = {table}.{column})")
        for table, column, whole in PARTS
    ]
    return "\n".join(own + parts)


def no_fences() -> str:
    tables = [*OWNED, "subscribers_project", *(table for table, _, _ in PARTS)]
    return "\n".join(
        f"DROP POLICY of_the_project ON {table}; DROP POLICY IF EXISTS of_everybody ON {table};"
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        for table in tables
    )


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0005_trunks"),
        ("subscribers", "0002_gateway_registration"),
        ("tokens", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("sessions", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(MAKE_ROLE, migrations.RunSQL.noop),
        migrations.RunSQL(fences(), no_fences()),
    ]
