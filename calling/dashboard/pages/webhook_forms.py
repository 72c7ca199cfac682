"""Adding, changing and deleting webhook endpoints, and their secrets. The checks are the API's own."""

from __future__ import annotations

import re

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_noop

from calling import models
from calling.commands import errors as command_errors
from calling.commands.params import InvalidParams
from calling.dashboard import shown_once
from calling.dashboard.access import Staff, as_uuid, ask, page, record
from calling.dashboard.refusals import in_words
from calling.webhooks import views as api
from calling.webhooks.removal import remove_endpoint
from rest.errors import ApiError

SHOWN_ONCE = "webhook_secret"
FAMILIES = (
    ("*", gettext_noop("every event")),
    ("call.*", gettext_noop("calls: created, ringing, answered, ended")),
    ("leg.*", gettext_noop("the parties of calls: connected, quality, supervising")),
    ("record.*", gettext_noop("recordings")),
    ("room.*", gettext_noop("rooms: started, ended")),
    ("participant.*", gettext_noop("members of rooms: joined, left, talking")),
)


@page("owner", "GET", "POST")
def create(request: HttpRequest, staff: Staff) -> HttpResponse:
    if request.method == "GET":
        return form(request, {"events": "call.*"}, {}, None)
    try:
        row, secret = api.add_endpoint(staff.project.pk, posted(request))
    except (ApiError, InvalidParams) as error:
        return form(request, request.POST.dict(), by_field(error), None, 422)
    record(request, staff, "webhook.create", row.pk, url=row.url)
    return with_secret(request, row, secret)


@page("owner", "GET", "POST")
def change(request: HttpRequest, staff: Staff, webhook_id: str) -> HttpResponse:
    row = find(staff, webhook_id)
    if request.method == "GET":
        held = {"url": row.url, "events": " ".join(row.events), "description": row.description}
        return form(request, held, {}, row)
    try:
        api.change_endpoint(row, posted(request))
    except (ApiError, InvalidParams) as error:
        return form(request, request.POST.dict(), by_field(error), row, 422)
    record(request, staff, "webhook.change", row.pk, url=row.url, events=row.events)
    messages.success(request, gettext("Saved."))
    return redirect("dashboard:webhook", webhook_id=str(row.pk))


@page("owner", "GET", "POST")
def delete(request: HttpRequest, staff: Staff, webhook_id: str) -> HttpResponse:
    row = find(staff, webhook_id)
    if request.method == "GET":
        effect = gettext("Nothing more is sent there, and its list of deliveries is deleted.")
        question = gettext("Delete the webhook {url}?").format(url=row.url)
        return ask(request, question, effect, gettext("Delete"))
    remove_endpoint(row.pk)
    record(request, staff, "webhook.delete", webhook_id, url=row.url)
    messages.success(request, gettext("The webhook {url} was deleted.").format(url=row.url))
    return redirect("dashboard:webhooks")


@page("owner", "GET", "POST")
def rotate(request: HttpRequest, staff: Staff, webhook_id: str) -> HttpResponse:
    row = find(staff, webhook_id)
    if request.method == "GET":
        effect = gettext("Deliveries are signed with both for {hours} hours, then with the new one.")
        effect = effect.format(hours=api.OLD_SECRET_HOURS)
        return ask(request, gettext("Make a new secret?"), effect, gettext("Make a new secret"))
    secret = api.rotate_secret(row)
    record(request, staff, "webhook.rotate", row.pk, url=row.url)
    return with_secret(request, row, secret)


@page("operator", "GET", "POST")
def disable(request: HttpRequest, staff: Staff, webhook_id: str) -> HttpResponse:
    row = find(staff, webhook_id)
    if request.method == "GET":
        effect = gettext(
            "Nothing is sent there until it is enabled again. Events meanwhile can be replayed then."
        )
        question = gettext("Disable the webhook {url}?").format(url=row.url)
        return ask(request, question, effect, gettext("Disable"))
    api.change_endpoint(row, {"enabled": False})
    record(request, staff, "webhook.disable", row.pk, url=row.url)
    return redirect("dashboard:webhook", webhook_id=str(row.pk))


def find(staff: Staff, webhook_id: str) -> models.WebhookEndpoint:
    rows = models.WebhookEndpoint.objects.filter(project=staff.project, call_id=None)
    return get_object_or_404(rows, pk=as_uuid(webhook_id))


def with_secret(request: HttpRequest, row: models.WebhookEndpoint, secret: str) -> HttpResponse:
    shown_once.keep(request, SHOWN_ONCE, row.pk, secret)
    return redirect("dashboard:webhook", webhook_id=str(row.pk))


def posted(request: HttpRequest) -> dict[str, object]:
    events = [each for each in re.split(r"[\s,]+", request.POST.get("events", "")[:4000]) if each]
    found: dict[str, object] = {"url": request.POST.get("url", "").strip(), "events": events}
    return found | {"description": request.POST.get("description", "").strip()}


def by_field(error: ApiError | InvalidParams) -> dict[str, str]:
    if isinstance(error, InvalidParams):
        error = command_errors.invalid(error)
    return {problem.attribute or "": in_words(problem) for problem in error.problems}


def form(
    request: HttpRequest,
    values: dict[str, str],
    errors: dict[str, str],
    row: models.WebhookEndpoint | None,
    status: int = 200,
) -> HttpResponse:
    context = {"values": values, "wrong": errors, "row": row, "families": FAMILIES}
    return render(request, "dashboard/webhook_form.html", context, status=status)
