"""`manage.py project create NAME` and `manage.py project token PROJECT_ID`."""

from __future__ import annotations

import uuid

from django.core.management.base import BaseCommand, CommandError, CommandParser

from subscribers.models import Project
from tokens.issue import create_project, issue_api_token


class Command(BaseCommand):
    help = "Makes a project, or a new API token for one; prints id, token and signing key."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|token")
        create = verbs.add_parser("create", help="a new project with a first API token")
        create.add_argument("name", metavar="NAME")
        token = verbs.add_parser("token", help="one more API token; earlier ones stay valid")
        token.add_argument("project_id", metavar="PROJECT_ID")

    def handle(self, *args: object, **options: str) -> None:
        project = self._create(options["name"]) if options["verb"] == "create" else self._find(options)
        token = issue_api_token(project, name="manage.py project")
        self.stdout.write(f"project id:  {project.pk}")
        self.stdout.write(f"API token:   {token}")
        self.stdout.write(f"signing key: {project.signing_key}")

    def _create(self, name: str) -> Project:
        name = name.strip()
        if not 1 <= len(name) <= 200 or "\x00" in name:
            raise CommandError("NAME has 1 to 200 characters")
        return create_project(name)

    def _find(self, options: dict[str, str]) -> Project:
        try:
            return Project.objects.get(pk=uuid.UUID(options["project_id"]))
        except ValueError:
            raise CommandError("PROJECT_ID is a UUID") from None
        except Project.DoesNotExist:
            raise CommandError(f"there is no project {options['project_id']}") from None
