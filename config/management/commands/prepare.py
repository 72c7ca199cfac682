"""`manage.py prepare`: migrations, the first project and the admin. Runs before every start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from config import env as environment
from config import first_project, privacy
from config.supervisor import credentials
from subscribers import database_roles

# Any number nobody else locks: of several machines that start at once, one migrates and the others wait.
_LOCK = 0x43616C6C


class Command(BaseCommand):
    help = "Migrates the database and makes the first project, its API token and the admin where missing."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        env = environment.load()
        privacy.tighten(env.data_dir)
        with _alone():
            call_command("migrate", interactive=False, verbosity=0)
            database_roles.make_role()
            _admit_requests()
            who = first_project.ensure(env, credentials.read(env.data_dir))
            credentials.write(env.data_dir, who)
        self.stdout.write(f"prepared project {who.project_id}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """The lock is held by a transaction of another connection: a session's would be lost behind PgBouncer."""
    with psycopg.connect(**connection.get_connection_params()) as own:
        own.execute("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
        own.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


def _admit_requests() -> None:
    """Make the second login usable, where there is to be one. Raises CommandError with what to do."""
    login = connection.settings_dict.get("REQUESTS")
    if login is None:
        return
    name, role = login["USER"], database_roles.ROLE
    try:
        faults = database_roles.make_login(login)
    except DatabaseError as error:
        owner = connection.settings_dict["USER"]
        raise CommandError(
            f"{owner} may not make or admit the login {name} ({str(error).strip().splitlines()[0]}). "
            f"As a superuser: CREATE ROLE {role} NOLOGIN; GRANT {role} TO {owner} WITH ADMIN OPTION; "
            f"CREATE ROLE {name} LOGIN PASSWORD '...'; GRANT {role} TO {name};"
        ) from None
    if faults:
        raise CommandError(f"requests must not log in as {name}: it {', '.join(faults)}")
