"""Which phone numbers belong to which project: what platform staff and a carrier's list do, and keys may not.

A `PhoneNumber` row is the assignment. It takes inbound calls, may be shown as caller and opens its country,
so nobody who holds a key alone may make one. Lives here: making and taking back assignments. Must not live
here: how a number is routed (`subscribers.api.numbers`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from subscribers import addressing
from subscribers.models import PhoneNumber, Project

MOST = 200_000  # numbers of one import


class NotAssignable(ValueError):
    """The number cannot be assigned; `str()` says why, for staff."""


def trusted(project_id: UUID | str) -> bool:
    """Whether the project's own keys may do what platform staff does."""
    return Project.objects.filter(pk=project_id, trusted=True).exists()


def may_show(project_id: UUID | str, number: str) -> bool:
    """Whether calls of the project may show this number (`+` or not): assigned to it, or it is trusted."""
    text = "+" + number.removeprefix("+")
    return PhoneNumber.objects.filter(project_id=project_id, number=text).exists() or trusted(project_id)


@transaction.atomic
def assign(number: str, project: Project, name: str = "") -> PhoneNumber:
    """Give a number to a project, which it may have already. Raises NotAssignable."""
    try:
        number = addressing.number(number)
    except addressing.MalformedDestination as error:
        raise NotAssignable(f"{number!r}: {error}") from error
    if number == addressing.ANNOUNCEMENT_NUMBER:
        raise NotAssignable(f"{number} is a test destination.")
    PhoneNumber.objects.bulk_create(
        [PhoneNumber(project=project, number=number, name=name[:200], in_use=False)], ignore_conflicts=True
    )
    row = PhoneNumber.objects.select_related("project").get(number=number)
    if row.project_id != project.pk:
        raise NotAssignable(f"{number} is assigned to the project {row.project.name} ({row.project_id}).")
    return row


def unassign(number: str) -> PhoneNumber:
    """Take a number back: it leads nowhere and is nobody's. Raises NotAssignable where nobody has it."""
    row = PhoneNumber.objects.select_related("project").filter(number=number).first()
    if row is None:
        raise NotAssignable(f"{number} is assigned to nobody.")
    row.delete()
    return row


@transaction.atomic
def load(lines: Iterable[str]) -> int:
    """Assign what a carrier's list says, `number,project id[,name]` a line; how many. All of it or nothing.

    Raises NotAssignable that names the line. Empty lines, `#` lines and a head line `number,…` are skipped.
    """
    projects: dict[str, Project] = {}
    done = 0
    for at, row in enumerate(csv.reader(lines), start=1):
        if not row or row[0].startswith("#") or (at == 1 and row[0].strip().lower() == "number"):
            continue
        if done == MOST:
            raise NotAssignable(f"line {at}: at most {MOST} numbers at once.")
        number, given, name = (*(each.strip() for each in row[:3]), "", "")[:3]
        try:
            if given not in projects:
                projects[given] = project_of(given)
            assign(number, projects[given], name)
        except NotAssignable as error:
            raise NotAssignable(f"line {at}: {error}") from error
        done += 1
    return done


def project_of(text: str) -> Project:
    """The project of an id. Raises NotAssignable."""
    try:
        return Project.objects.get(pk=UUID(text))
    except ValueError:
        raise NotAssignable(f"{text[:60]!r} is no project id.") from None
    except Project.DoesNotExist:
        raise NotAssignable(f"There is no project {text}.") from None
