"""`manage.py number assign|unassign|list|import`: which phone numbers belong to which project."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from subscribers import assignment
from subscribers.models import PhoneNumber


class Command(BaseCommand):
    help = "Assigns phone numbers to projects. An API key of a project cannot do that."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="assign|unassign|list|import")
        assign = verbs.add_parser("assign", help="a number to a project, which may then use it")
        assign.add_argument("number", metavar="NUMBER")
        assign.add_argument("project", metavar="PROJECT")
        unassign = verbs.add_parser("unassign", help="a number from its project")
        unassign.add_argument("number", metavar="NUMBER")
        listed = verbs.add_parser("list", help="numbers with their projects")
        listed.add_argument("project", metavar="PROJECT", nargs="?", help="of this one alone")
        load = verbs.add_parser("import", help="a carrier's list, a line each: number,project id[,name]")
        load.add_argument("file", metavar="FILE")

    def handle(self, *args: object, **options: str | None) -> None:
        try:
            match options["verb"]:
                case "assign":
                    self._assign(options["number"] or "", options["project"] or "")
                case "unassign":
                    self._unassign(options["number"] or "")
                case "list":
                    self._list(options["project"])
                case _:
                    self._import(options["file"] or "")
        except assignment.NotAssignable as error:
            raise CommandError(str(error)) from None

    def _assign(self, number: str, project: str) -> None:
        row = assignment.assign(number, assignment.project_of(project))
        self.stdout.write(f"{row.number} is assigned to {row.project.name} ({row.project_id})")

    def _unassign(self, number: str) -> None:
        row = assignment.unassign(number)
        self.stdout.write(f"{row.number} is no longer assigned to {row.project.name} ({row.project_id})")

    def _list(self, project: str | None) -> None:
        rows = PhoneNumber.objects.select_related("project", "address").order_by("number")
        if project:
            rows = rows.filter(project=assignment.project_of(project))
        for row in rows.iterator():
            leads = row.address.text if row.address else "nowhere" if row.in_use else "not in use"
            self.stdout.write(f"{row.number}\t{row.project_id}\t{leads}\t{row.project.name}")

    def _import(self, file: str) -> None:
        try:
            with open(file, encoding="utf-8", newline="") as lines:
                done = assignment.load(lines)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{file} is not text in UTF-8.") from None
        self.stdout.write(f"{done} numbers assigned")
