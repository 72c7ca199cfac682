"""Creating, changing and deleting a project's subscribers, rooms, numbers, gateways, SIP phones and scripts.

The fields are checked and written by the API's own shapes (`subscribers.api`), so a page and a key are
refused in the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_noop

from calling.dashboard import resource_fields as forms
from calling.dashboard.access import Staff, as_uuid, ask, page, record
from calling.dashboard.refusals import in_words
from calling.dashboard.script_lines import line_of
from rest.errors import ApiError
from subscribers import assignment
from subscribers.api.endpoints import EndpointShape
from subscribers.api.gateways import GatewayShape
from subscribers.api.numbers import NumberShape
from subscribers.api.rooms import RoomShape
from subscribers.api.scripts import ScriptShape
from subscribers.api.shapes import Resource, clean
from subscribers.api.subscribers import SubscriberShape
from subscribers.models import Address, Subscriber

MOST_CHOICES = 1000


@dataclass(frozen=True)
class Kind:
    """One kind of resource: who may change it, what its deletion does, and where to go after a change."""

    word: str
    new: str
    shape: Resource[Any]
    fields: tuple[forms.Field, ...]
    role: str
    lost: str
    after: Callable[[Any], str]


def told(words: str, kind: Kind, title: str) -> str:
    return words.format(kind=gettext(kind.word), name=title)


def named(kind: Kind, title: str) -> str:
    """A heading: `Room standup`."""
    word = gettext(kind.word)
    return f"{word[:1].upper()}{word[1:]} {title}"


def listed(name: str) -> Callable[[Any], str]:
    return lambda row: reverse(f"dashboard:{name}")


def of_subscriber(row: Any) -> str:
    return reverse("dashboard:subscriber", args=[row.pk])


KINDS = {
    "subscribers": Kind(
        gettext_noop("subscriber"), gettext_noop("New subscriber"),
        SubscriberShape(), forms.SUBSCRIBER, "owner",
        gettext_noop("Their devices go offline, their tokens stop working, and their SIP phones are deleted. "
                     "Past calls are kept."), of_subscriber,
    ),
    "rooms": Kind(
        gettext_noop("room"), gettext_noop("New room"), RoomShape(), forms.ROOM, "operator",
        gettext_noop("Nobody can dial it any more. Recordings and past calls are kept."), listed("rooms"),
    ),
    "numbers": Kind(
        gettext_noop("phone number"), gettext_noop("New phone number"), NumberShape(), forms.NUMBER, "owner",
        gettext_noop("Calls to this number no longer reach the project."), listed("lines"),
    ),
    "gateways": Kind(
        gettext_noop("gateway"), gettext_noop("New gateway"), GatewayShape(), forms.GATEWAY, "owner",
        gettext_noop("Calls no longer go through this gateway or come from it."), listed("lines"),
    ),
    "endpoints": Kind(
        gettext_noop("SIP phone"), gettext_noop("New SIP phone"), EndpointShape(), forms.ENDPOINT, "owner",
        gettext_noop("The phone can no longer register. Its subscriber is kept."), listed("lines"),
    ),
    "scripts": Kind(
        gettext_noop("script"), gettext_noop("New script"), ScriptShape(), forms.SCRIPT, "owner",
        gettext_noop("Its address stops working. Calls that run it now go on."), listed("scripts"),
    ),
}  # fmt: skip


def kind_for(staff: Staff, name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is None:
        raise Http404
    staff.need(kind.role)
    return kind


@page("operator", "GET", "POST")
def create(request: HttpRequest, staff: Staff, kind_name: str) -> HttpResponse:
    """An empty form, and the row that it makes."""
    kind = kind_for(staff, kind_name)
    if request.method == "GET":
        given = {name: request.GET[name][:300] for name in ("subscriber_id", "number") if name in request.GET}
        return form(request, staff, kind, given, {}, None)
    data = posted(request, kind, new=True)
    try:
        checked = clean(kind.shape.fields, data, strict=True)
        if kind_name == "numbers" and staff.user.is_superuser:
            assignment.assign(checked["number"], staff.project)
        row = kind.shape.create(staff.project.pk, checked)
    except assignment.NotAssignable as error:
        return form(request, staff, kind, data, {"number": gettext(str(error))}, None, 422)
    except ApiError as error:
        return form(request, staff, kind, data, by_field(error, data), None, error.status)
    title = kind.shape.title(row)
    record(request, staff, f"{kind_name.removesuffix('s')}.create", row.pk, name=title)
    messages.success(request, told(gettext("The {kind} {name} was created."), kind, title))
    if (password := getattr(row, "shown_once", "")) and not data.get("password"):
        messages.success(
            request,
            format_html(
                gettext("Its password, shown this once: {password}"),
                password=format_html("<code data-copy>{}</code>", password),
            ),
        )
    return redirect(kind.after(row))


@page("operator", "GET", "POST")
def change(request: HttpRequest, staff: Staff, kind_name: str, row_id: str) -> HttpResponse:
    """The form of a row, and its change."""
    kind = kind_for(staff, kind_name)
    row = found(kind, staff, row_id)
    if request.method == "GET":
        return form(request, staff, kind, values_of(kind, row), {}, row)
    title, data = kind.shape.title(row), posted(request, kind, new=False)
    try:
        checked = clean(kind.shape.fields, data, partial=True, strict=True)
        with transaction.atomic():
            row.hold()
            kind.shape.change(row, checked)
    except ApiError as error:
        return form(
            request, staff, kind, data, by_field(error, data), found(kind, staff, row_id), error.status
        )
    changed = sorted(name for name in data if name != "contents")
    record(request, staff, f"{kind_name.removesuffix('s')}.change", row.pk, name=title, fields=changed)
    messages.success(request, told(gettext("Saved: the {kind} {name}."), kind, kind.shape.title(row)))
    return redirect(kind.after(row))


@page("operator", "GET", "POST")
def delete(request: HttpRequest, staff: Staff, kind_name: str, row_id: str) -> HttpResponse:
    """Asks, and deletes the row."""
    kind = kind_for(staff, kind_name)
    row = found(kind, staff, row_id)
    title = kind.shape.title(row)
    if request.method == "GET":
        question = told(gettext("Delete the {kind} {name}?"), kind, title)
        return ask(request, question, gettext(kind.lost), gettext("Delete"))
    kind.shape.remove(row)
    record(request, staff, f"{kind_name.removesuffix('s')}.delete", row_id, name=title)
    messages.success(request, told(gettext("The {kind} {name} was deleted."), kind, title))
    return redirect("dashboard:subscribers" if kind_name == "subscribers" else kind.after(row))


def found(kind: Kind, staff: Staff, row_id: str) -> Any:
    row = kind.shape.rows(staff.project.pk).filter(pk=as_uuid(row_id)).first()
    if row is None:
        raise Http404
    return row


def posted(request: HttpRequest, kind: Kind, *, new: bool) -> dict[str, Any]:
    return forms.read(kind.fields, request.POST.dict(), new, timezone.get_current_timezone())


def values_of(kind: Kind, row: Any) -> dict[str, Any]:
    return kind.shape.body(row) or kind.shape.render(row)


def by_field(error: ApiError, data: dict[str, Any]) -> dict[str, str]:
    """What was refused, by the field it is about; "" holds what is about none."""
    found: dict[str, str] = {}
    for problem in error.problems:
        words = in_words(problem)
        if problem.attribute == "contents" and (line := line_of(str(data.get("contents")), problem.message)):
            words = gettext("Line {line}: {words}").format(line=line, words=words)
        name = (problem.attribute or "").partition(".")[0]
        found[name] = f"{found[name]} {words}" if name in found else words
    return found


def form(
    request: HttpRequest,
    staff: Staff,
    kind: Kind,
    values: dict[str, Any],
    errors: dict[str, str],
    row: Any,
    status: int = 200,
) -> HttpResponse:
    fields = forms.shown(kind.fields, values, errors, row is None, timezone.get_current_timezone())
    known = {field.name for field in fields}
    context = {
        "heading": gettext(kind.new) if row is None else named(kind, kind.shape.title(row)),
        "fields": [field for field in fields if not field.more],
        "more": [field for field in fields if field.more],
        "more_open": any(field.error for field in fields if field.more),
        "errors": [words for name, words in errors.items() if name not in known],
        "row": row,
        "word": gettext(kind.word),
        "kind": next(name for name, each in KINDS.items() if each is kind),
        "cancel": kind.after(row)
        if row is not None or kind.word != "subscriber"
        else "/dashboard/subscribers",
        **pick_lists(staff, kind),
    }
    return render(request, "dashboard/resource_form.html", context, status=status)


def pick_lists(staff: Staff, kind: Kind) -> dict[str, object]:
    """What the form's selects offer: addresses and subscribers of the project."""
    kinds = {field.kind for field in kind.fields}
    lists: dict[str, object] = {}
    if kinds & {"address", "resource"}:
        rows = Address.objects.filter(project=staff.project).order_by("context", "name")
        lists["addresses"] = list(rows[:MOST_CHOICES])
    if "subscriber" in kinds:
        lists["people"] = list(
            Subscriber.objects.filter(project=staff.project).order_by("slug")[:MOST_CHOICES]
        )
    return lists
