"""The database's roles: what requests of projects may touch, and the login that they use.

`callwright_tenant` holds the rights and nobody logs in as it; the policies of `calling.0015` fence it. The
login of requests is a member of it and of nothing else. Lives here: making both, and judging a login that
somebody else made. Entering and leaving a project is in `subscribers.row_security`.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection
from psycopg import sql

ROLE = "callwright_tenant"

# What no request of a project needs at all: the people who run the instance, what proves a project, Django's
# own books, what staff pages alone show, which web processes live, and answers kept for an `Idempotency-Key`,
# which are read before anybody is known.
CLOSED = (
    "auth_user", "auth_group", "auth_permission", "auth_user_groups", "auth_user_user_permissions",
    "auth_group_permissions", "django_session", "django_admin_log", "calling_staffrole",
    "calling_secondfactor", "calling_staffaction", "calling_staffinvite", "callwright_fence",
    "django_content_type", "django_migrations", "subscribers_storedanswer", "calling_siptracing",
    "calling_sipmessage", "calling_savedsearch", "calling_presencelease",
    "account_emailaddress", "account_emailconfirmation", "mfa_authenticator",
    "socialaccount_socialaccount", "socialaccount_socialapp", "socialaccount_socialtoken",
)  # fmt: skip
# What it reads and never writes.
READ = ("calling_mediaworker", "callwright_event_day")

# Roles belong to the cluster: another database of it may have made this one, even this moment.
MAKE_ROLE = f"""
DO $$
DECLARE name text;
BEGIN
    IF to_regrole('{ROLE}') IS NULL THEN
        BEGIN
            CREATE ROLE {ROLE} NOLOGIN NOBYPASSRLS;
            EXECUTE format('GRANT {ROLE} TO %I', current_user);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF NOT pg_has_role(current_user, '{ROLE}', 'MEMBER') THEN
        EXECUTE format('GRANT {ROLE} TO %I', current_user);
    END IF;
    GRANT USAGE ON SCHEMA public TO {ROLE};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {ROLE};
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE};
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {ROLE};
    FOREACH name IN ARRAY ARRAY{list(CLOSED)} LOOP
        IF to_regclass(name) IS NOT NULL THEN EXECUTE format('REVOKE ALL ON %I FROM {ROLE}', name); END IF;
    END LOOP;
    FOREACH name IN ARRAY ARRAY{list(READ)} LOOP
        IF to_regclass(name) IS NOT NULL THEN
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %I FROM {ROLE}', name);
        END IF;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'row-level security is not in use: the database user may not create the role {ROLE}';
END $$;
DO $$ BEGIN
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
"""

# Each is a way out of the policies, or into more than rows.
FAULTS = f"""
SELECT fault FROM pg_roles r, LATERAL (VALUES
    (r.rolsuper, 'is a superuser'),
    (r.rolbypassrls, 'has BYPASSRLS'),
    (r.rolcreaterole, 'has CREATEROLE'),
    (r.rolcreatedb, 'has CREATEDB'),
    (r.rolreplication, 'has REPLICATION'),
    (NOT r.rolcanlogin, 'may not log in'),
    (NOT pg_has_role(r.oid, to_regrole('{ROLE}'), 'USAGE'), 'is no member of {ROLE}'),
    (EXISTS (SELECT FROM pg_roles other WHERE other.oid <> r.oid AND other.rolname <> '{ROLE}'
             AND pg_has_role(r.oid, other.oid, 'MEMBER')), 'is a member of another role'),
    (EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
             AND d.deptype = 'o'), 'owns something')
) AS judged (wrong, fault) WHERE r.rolname = %s AND wrong
"""

# Where statements are kept as they were written, values and all. Each is a setting and whether it does so.
SHOWN = """
SELECT way FROM (VALUES
    ('log_statement', current_setting('log_statement') <> 'none'),
    ('log_min_duration_statement', current_setting('log_min_duration_statement') <> '-1'),
    ('log_min_duration_sample', current_setting('log_min_duration_sample') <> '-1'),
    ('log_transaction_sample_rate', current_setting('log_transaction_sample_rate')::float > 0),
    ('log_min_error_statement', current_setting('log_min_error_statement') NOT IN ('log', 'fatal', 'panic'))
) AS judged (way, shows) WHERE shows
"""
# What a login's sessions begin with: its own setting in this database, then everywhere, then the database's.
TRACKED = """
SELECT coalesce((
    SELECT split_part(word, '=', 2) FROM pg_db_role_setting s, unnest(s.setconfig) AS word
    WHERE word LIKE 'track\\_activities=%%' AND s.setrole IN (0, quote_ident(%s)::regrole)
      AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1
), (SELECT reset_val FROM pg_settings WHERE name = 'track_activities'))
"""


def make_role() -> None:
    """Make the role and grant it what it needs; again and again without harm. A warning where we may not."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE_ROLE)


def make_login(login: Mapping[str, str]) -> list[str]:
    """Make the login of requests where it is missing, and let it in. What is wrong with it, if anything.

    `login`: its USER and PASSWORD. Raises what the database raises where we may not make or admit it.
    """
    user = login["USER"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regrole(quote_ident(%s)) IS NULL", [user])
        if cursor.fetchone()[0]:
            words = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            cursor.execute(words.format(sql.Identifier(user), sql.Literal(login["PASSWORD"] or None)))
        cursor.execute(f"SELECT pg_has_role(quote_ident(%s)::regrole, to_regrole('{ROLE}'), 'USAGE')", [user])
        if not cursor.fetchone()[0]:
            cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(ROLE), sql.Identifier(user)))
    return login_faults(user)


def login_faults(user: str) -> list[str]:
    """Why requests must not log in as `user`: each in words that follow its name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regrole(quote_ident(%s)) IS NULL", [user])
        if cursor.fetchone()[0]:
            return ["does not exist"]
        cursor.execute(FAULTS, [user])
        return [row[0] for row in cursor.fetchall()]


def statements_shown(user: str | None) -> list[str]:
    """The settings by which PostgreSQL shows statements to others. `user`: the login of requests, if any."""
    with connection.cursor() as cursor:
        cursor.execute(SHOWN)
        found = [str(row[0]) for row in cursor.fetchall()]
        if user is not None and "does not exist" not in login_faults(user):
            cursor.execute(TRACKED, [user])
            found += (
                [f"track_activities of {user}"] if str(cursor.fetchone()[0]) in ("on", "true", "1") else []
            )
    return found
