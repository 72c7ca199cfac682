"""`manage.py prepare`: migrations, the first project and the admin. Runs before every start."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from config import env as environment
from config import first_project
from config.supervisor import credentials
from subscribers import row_security

# Any number nobody else locks: of several machines that start at once, one migrates and the others wait.
_LOCK = 0x43616C6C


class Command(BaseCommand):
    help = "Migrates the database and makes the first project, its API token and the admin where missing."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        env = environment.load()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=0)
            row_security.make_role()
            who = first_project.ensure(env, credentials.read(env.data_dir))
            credentials.write(env.data_dir, who)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
        self.stdout.write(f"prepared project {who.project_id}")
