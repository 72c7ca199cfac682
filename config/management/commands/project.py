"""`manage.py project`: `create NAME` and `token PROJECT_ID`; `export`, `import` and `remove` move one."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.cells import project_file
from subscribers.models import Project
from tokens.issue import create_project, issue_api_token


class Command(BaseCommand):
    help = "Makes a project, or a new API token for one; moves one to another instance."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|token|export|import|remove")
        create = verbs.add_parser("create", help="a new project with a first API token")
        create.add_argument("name", metavar="NAME")
        token = verbs.add_parser("token", help="one more API token; earlier ones stay valid")
        token.add_argument("project_id", metavar="PROJECT_ID")

        export = verbs.add_parser("export", help="writes a project without live calls to a new file")
        export.add_argument("project_id", metavar="PROJECT_ID")
        export.add_argument("file", metavar="FILE")
        given = verbs.add_parser("import", help="reads a project from such a file, all of it or nothing")
        given.add_argument("file", metavar="FILE")
        remove = verbs.add_parser("remove", help="deletes a project that has moved, with all that it has")
        remove.add_argument("project_id", metavar="PROJECT_ID")
        remove.add_argument("--yes", action="store_true", help="do it: it cannot be undone")

    def handle(self, *args: object, **options: str) -> None:
        if options["verb"] in ("export", "import", "remove"):
            try:
                self._move(options)
            except project_file.CannotMove as error:
                raise CommandError(str(error)) from None
            except FileExistsError:
                raise CommandError(f"{options['file']} exists already; name a new file.") from None
            except OSError as error:
                raise CommandError(f"{options['file']}: {error.strerror}") from None
            return
        project = self._create(options["name"]) if options["verb"] == "create" else self._find(options)
        token = issue_api_token(project, name="manage.py project")
        self.stdout.write(f"project id:  {project.pk}")
        self.stdout.write(f"API token:   {token}")
        self.stdout.write(f"signing key: {project.signing_key}")

    def _move(self, options: dict[str, str]) -> None:
        if options["verb"] == "import":
            project_id, counted = project_file.load(Path(options["file"]))
            self.stdout.write(f"project id:  {project_id}")
        elif options["verb"] == "export":
            counted = project_file.export(self._find(options).pk, Path(options["file"]))
        else:
            project = self._find(options)
            if not options["yes"]:
                words = f"This deletes the project {project.name} ({project.pk}) and all that it has."
                raise CommandError(f"{words} If that is what you want, add --yes.")
            counted = {"rows deleted": project_file.remove(project.pk)}
        for name, count in counted.items():
            self.stdout.write(f"{name}: {count}")

    def _create(self, name: str) -> Project:
        name = name.strip()
        if not 1 <= len(name) <= 200 or "\x00" in name:
            raise CommandError("NAME must have 1 to 200 characters.")
        return create_project(name)

    def _find(self, options: dict[str, str]) -> Project:
        try:
            return Project.objects.get(pk=uuid.UUID(options["project_id"]))
        except ValueError:
            raise CommandError(f"{options['project_id']!r} is not a project id, which is a UUID.") from None
        except Project.DoesNotExist:
            raise CommandError(f"There is no project {options['project_id']}.") from None
