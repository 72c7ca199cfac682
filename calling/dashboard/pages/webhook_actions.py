"""What staff may do about webhooks: test, enable, replay, send one delivery again."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from calling import models
from calling.dashboard.access import Staff, as_uuid, page, record
from calling.webhooks import redelivery

# Whether it was done, and words: English for the audit log, translated for the page.
Done = tuple[bool, str, dict[str, object]]
DISABLED = gettext_noop("The webhook is disabled: enable it first.")


def back(row: models.WebhookEndpoint) -> HttpResponse:
    return redirect("dashboard:webhook", webhook_id=str(row.pk))


@page("operator", "POST")
def act(request: HttpRequest, staff: Staff, webhook_id: str, action: str) -> HttpResponse:
    doing = {"test": test, "enable": enable, "replay": replay}.get(action)
    if doing is None:
        raise Http404
    row = get_object_or_404(models.WebhookEndpoint, pk=as_uuid(webhook_id), project=staff.project)
    done, words, values = doing(request, row)
    if done:
        record(request, staff, f"webhook.{action}", row.pk, said=words.format(**values))
    messages.add_message(
        request, messages.SUCCESS if done else messages.ERROR, gettext(words).format(**values)
    )
    return back(row)


def test(request: HttpRequest, row: models.WebhookEndpoint) -> Done:
    if row.disabled_at is not None:
        return False, DISABLED, {}
    redelivery.send_test(row)
    return True, gettext_noop("A test is on its way."), {}


def enable(request: HttpRequest, row: models.WebhookEndpoint) -> Done:
    redelivery.enable(row)
    return True, gettext_noop("Enabled; what was parked can be replayed."), {}


def replay(request: HttpRequest, row: models.WebhookEndpoint) -> Done:
    """Everything it wants since a time, in the log's order; the page shows how far it is."""
    if row.disabled_at is not None:
        return False, DISABLED, {}
    try:
        since = datetime.fromisoformat(request.POST.get("since", ""))
    except ValueError:
        return False, gettext_noop("That is not a time."), {}
    since = since if since.tzinfo else since.replace(tzinfo=timezone.get_current_timezone())
    count = redelivery.replay(row, since=since)
    return True, gettext_noop("{count} events are on their way again."), {"count": count}


@page("operator", "POST")
def resend(request: HttpRequest, staff: Staff, delivery_id: str) -> HttpResponse:
    old = get_object_or_404(
        models.Delivery.objects.select_related("event", "endpoint"),
        pk=as_uuid(delivery_id),
        endpoint__project=staff.project,
    )
    if old.endpoint.disabled_at is not None:
        messages.error(request, gettext(DISABLED))
        return back(old.endpoint)
    redelivery.resend(old)
    record(request, staff, "delivery.resend", old.pk, event=str(old.event.event_id))
    messages.success(request, gettext("{event} is on its way again.").format(event=old.event.type))
    return back(old.endpoint)
