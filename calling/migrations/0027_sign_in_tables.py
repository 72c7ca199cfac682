"""Passkeys and identities of staff lie in tables of django-allauth. No request of a project reads them."""

from django.db import migrations

from subscribers.database_roles import ROLE

TABLES = (
    "account_emailaddress", "account_emailconfirmation", "mfa_authenticator",
    "socialaccount_socialaccount", "socialaccount_socialapp", "socialaccount_socialtoken",
)  # fmt: skip
CLOSE = f"""
DO $$ DECLARE name text; BEGIN
    IF to_regrole('{ROLE}') IS NULL THEN RETURN; END IF;
    FOREACH name IN ARRAY ARRAY{list(TABLES)} LOOP
        EXECUTE format('REVOKE ALL ON %I FROM {ROLE}', name);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0026_recording_transcript"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [migrations.RunSQL(CLOSE, migrations.RunSQL.noop)]
