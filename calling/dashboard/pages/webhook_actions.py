"""What staff may do about webhooks: test, enable, replay, send one delivery again."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from calling import models
from calling.dashboard.access import Staff, as_uuid, page, record
from calling.webhooks import redelivery


def back(row: models.WebhookEndpoint) -> HttpResponse:
    return redirect("dashboard:webhook", webhook_id=str(row.pk))


@page("operator", "POST")
def act(request: HttpRequest, staff: Staff, webhook_id: str, action: str) -> HttpResponse:
    doing = {"test": test, "enable": enable, "replay": replay}.get(action)
    if doing is None:
        raise Http404
    row = get_object_or_404(models.WebhookEndpoint, pk=as_uuid(webhook_id), project=staff.project)
    done, words = doing(request, row)
    if done:
        record(request, staff, f"webhook.{action}", row.pk, said=words)
    messages.add_message(request, messages.SUCCESS if done else messages.ERROR, words)
    return back(row)


def test(request: HttpRequest, row: models.WebhookEndpoint) -> tuple[bool, str]:
    if row.disabled_at is not None:
        return False, "The endpoint is disabled: enable it first."
    redelivery.send_test(row)
    return True, "A test is on its way."


def enable(request: HttpRequest, row: models.WebhookEndpoint) -> tuple[bool, str]:
    redelivery.enable(row)
    return True, "Enabled; what was parked can be replayed."


def replay(request: HttpRequest, row: models.WebhookEndpoint) -> tuple[bool, str]:
    """Everything it wants since a time, in the log's order; the page shows how far it is."""
    if row.disabled_at is not None:
        return False, "The endpoint is disabled: enable it first."
    try:
        since = datetime.fromisoformat(request.POST.get("since", ""))
    except ValueError:
        return False, "That is not a time."
    since = since if since.tzinfo else since.replace(tzinfo=timezone.get_current_timezone())
    return True, f"{redelivery.replay(row, since=since)} events are on their way again."


@page("operator", "POST")
def resend(request: HttpRequest, staff: Staff, delivery_id: str) -> HttpResponse:
    old = get_object_or_404(
        models.Delivery.objects.select_related("event", "endpoint"),
        pk=as_uuid(delivery_id),
        endpoint__project=staff.project,
    )
    if old.endpoint.disabled_at is not None:
        messages.error(request, "The endpoint is disabled: enable it first.")
        return back(old.endpoint)
    redelivery.resend(old)
    record(request, staff, "delivery.resend", old.pk, event=str(old.event.event_id))
    messages.success(request, f"{old.event.type} is on its way again.")
    return back(old.endpoint)
