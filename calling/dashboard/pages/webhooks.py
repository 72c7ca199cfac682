"""Webhooks: how each endpoint does, what it was sent and answered, and sending again."""

from __future__ import annotations

import json
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

import clock
from calling import models
from calling.dashboard import shown_once, waiting
from calling.dashboard.access import Staff, as_uuid, page
from calling.dashboard.pages.webhook_forms import SHOWN_ONCE
from calling.dashboard.pagination import listing
from calling.webhooks import counts

STATES = ("pending", "delivered", "parked", "cancelled")


def endpoints(staff: Staff) -> list[models.WebhookEndpoint]:
    """Each with `pending_count`, `delivered_count` and `parked_count` of the last day."""
    since = clock.now() - timedelta(days=1)
    states = ("pending", "delivered", "parked")
    rows = models.WebhookEndpoint.objects.filter(project=staff.project, call_id=None)
    found = list(rows.order_by("-created_at")[:200])
    numbers = counts.by_endpoint([row.id for row in found], states, since)
    for row in found:
        for state in states:
            setattr(row, f"{state}_count", numbers[row.id, state])
    return found


@page()
def webhooks(request: HttpRequest, staff: Staff) -> HttpResponse:
    part = "dashboard/webhooks_part.html" if "part" in request.GET else "dashboard/webhooks.html"
    return render(request, part, {"endpoints": endpoints(staff)})


@page()
def webhook(request: HttpRequest, staff: Staff, webhook_id: str) -> HttpResponse:
    """One endpoint with its deliveries; `?part` is the progress of what still waits."""
    row = get_object_or_404(models.WebhookEndpoint, pk=as_uuid(webhook_id), project=staff.project)
    deliveries = row.deliveries.select_related("endpoint").prefetch_related("event", "attempts")
    state = request.GET.get("state")
    shown = deliveries.filter(state=state) if state in STATES else deliveries
    again = row.deliveries.filter(trigger="replay", created_at__gt=clock.now() - timedelta(hours=1))
    listed = listing(request, shown)
    waiting.explained(listed.rows)
    context = {
        "row": row,
        "page": listed,
        "states": STATES,
        "given": request.GET,
        "replayed": again.count(),
        "replay_waiting": again.filter(state="pending").count(),
        "pending": counts.counted(row.deliveries.filter(state="pending").order_by("-created_at")),
    }
    if staff.owns and "part" not in request.GET:
        context["secret"] = shown_once.take(request, SHOWN_ONCE, row.pk)
    part = "dashboard/webhook_part.html" if "part" in request.GET else "dashboard/webhook.html"
    return render(request, part, context)


def indented(body: str) -> str:
    """JSON with a line for each value, to be read; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


@page()
def delivery(request: HttpRequest, staff: Staff, delivery_id: str) -> HttpResponse:
    """One delivery: the body as it was sent, and each attempt with its answer."""
    row = get_object_or_404(
        models.Delivery.objects.select_related("event", "endpoint"),
        pk=as_uuid(delivery_id),
        endpoint__project=staff.project,
    )
    waiting.explained([row])
    body = row.body or row.event.body
    context = {"row": row, "attempts": row.attempts.order_by("id")[:50], "body": body, "read": indented(body)}
    return render(request, "dashboard/delivery.html", context)
