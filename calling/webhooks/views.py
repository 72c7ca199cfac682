"""`/api/webhooks`: endpoints, their secrets, deliveries, resend and replay (docs/contract.md#webhooks)."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

import clock
from calling import models
from calling.commands import event_params
from calling.commands.leg_selection import uuid_or_404
from calling.commands.params import Params
from calling.outbound_http.url_guard import vet_addresses
from calling.outbound_http.url_text import UnsafeUrl, parse_url
from calling.webhooks import redelivery, removal, shapes
from calling.webhooks.signing import Kept, kept_secrets, kept_text, new_secret
from rest import errors, pagination
from rest.json_bodies import Json, rfc3339
from rest.known_names import query_of
from rest.views import RestView
from subscribers import replicas
from subscribers.encryption import seal
from tokens.authentication import key_of

MAX_ENDPOINTS = 50
OLD_SECRET_HOURS = 24
MOST_SECRETS = 20  # that sign along; with one more the oldest stops
STATES = ("pending", "delivered", "parked", "cancelled")


def find(request: Request, webhook_id: str) -> models.WebhookEndpoint:
    row = models.WebhookEndpoint.objects.filter(
        pk=uuid_or_404(webhook_id), project_id=key_of(request).project_id, call_id=None
    ).first()
    if row is None:
        raise errors.NotFound
    return row


def endpoint_json(row: models.WebhookEndpoint, secret: str | None = None) -> dict[str, Any]:
    shown = {"secret": secret} if secret else {}
    return {
        "id": str(row.id),
        "url": row.url,
        "events": row.events,
        "description": row.description,
        "status": "disabled" if row.disabled_at else "enabled",
        "enabled": row.disabled_at is None,
        "disabled_at": rfc3339(row.disabled_at),
        "disabled_reason": row.disabled_reason or None,
        "failing_since": rfc3339(row.failing_since),
        "created_at": rfc3339(row.created_at),
        **shown,
    }


def delivery_json(row: models.Delivery) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "webhook_id": str(row.endpoint_id),
        "event_id": str(row.event.event_id),
        "event_type": row.event.type,
        "call_id": str(row.event.call_id) if row.event.call_id else None,
        "status": row.state,
        "trigger": row.trigger,
        "tries": row.tries,
        "next_at": rfc3339(row.next_at) if row.state == "pending" else None,
        "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at),
        "attempts": [
            {
                "at": rfc3339(attempt.at),
                "status": attempt.status,
                "error": attempt.error or None,
                "duration_ms": attempt.duration_ms,
                "answer": attempt.answer,
            }
            for attempt in row.attempts.all()
        ],
    }


def refuse_inside(host: str) -> None:
    """Refuse a literal private address at once; names are checked each time they are resolved."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    vet_addresses([host], allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)


def read_endpoint(data: Json, *, partial: bool) -> dict[str, Any]:
    """`{url, events, description?}` checked; `enabled` too where an endpoint is changed."""
    form = Params(data, strict=True)
    values: dict[str, Any] = {}
    url = form.text("url", 2000, required=not partial)
    if url is not None:
        try:
            refuse_inside(parse_url(url, allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS).host)
            values["url"] = url
        except UnsafeUrl as refusal:
            form.fail("url", str(refusal), "url_is_unsafe")
    events = form.value("events", required=not partial)
    if events is not None:
        if isinstance(events, list) and 1 <= len(events) <= 50 and all(map(event_params.is_name, events)):
            event_params.refuse_unknown_types(form, "events", events)
            values["events"] = list(dict.fromkeys(events))
        else:
            form.fail("events", "events must be a list of 1 to 50 types like call.ended or call.*.")
    if form.given("description") and form.value("description") == "":
        values["description"] = ""
    elif form.given("description"):
        description = form.text("description", 500)
        if description is not None:
            values["description"] = description
    if partial:
        enabled = form.boolean("enabled")
        if enabled is not None:
            values["enabled"] = enabled
    form.check()
    return values


def add_endpoint(project_id: UUID, data: Json) -> tuple[models.WebhookEndpoint, str]:
    """A new endpoint and its secret, which is shown once. 409 422."""
    values = read_endpoint(data, partial=False)
    there = models.WebhookEndpoint.objects.filter(project_id=project_id, call_id=None).count()
    if there >= MAX_ENDPOINTS:
        raise errors.Conflict("too_many_webhooks", f"A project has at most {MAX_ENDPOINTS} endpoints.")
    secret = new_secret()
    row = models.WebhookEndpoint.objects.create(project_id=project_id, secret=seal(secret), **values)
    return row, secret


def change_endpoint(row: models.WebhookEndpoint, data: Json) -> None:
    """Change the fields in `data`. 422."""
    values = read_endpoint(data, partial=True)
    enabled = values.pop("enabled", None)
    for name, value in values.items():
        setattr(row, name, value)
    if values:
        row.save(update_fields=list(values))
    if enabled is True:
        redelivery.enable(row)
    elif enabled is False:
        redelivery.disable_by_owner(row)


def rotate_secret(row: models.WebhookEndpoint) -> str:
    """A new secret, shown once; deliveries are also signed with the old one for a while."""
    secret = new_secret()
    until = clock.now() + timedelta(hours=OLD_SECRET_HOURS)
    old = kept_secrets(row.old_secret, row.old_secret_until, clock.now())
    row.old_secret = kept_text([*old, Kept(row.secret, until)][-MOST_SECRETS:])
    row.old_secret_until = until
    row.secret = seal(secret)
    row.save(update_fields=["secret", "old_secret", "old_secret_until"])
    return secret


class WebhooksView(RestView):
    @extend_schema(
        operation_id="webhooks_list",
        summary="Webhook endpoints",
        tags=["webhooks"],
        responses={200: shapes.Webhooks},
    )
    def get(self, request: Request) -> Response:
        rows = models.WebhookEndpoint.objects.filter(project_id=key_of(request).project_id, call_id=None)
        return pagination.page(request, rows, endpoint_json)

    @extend_schema(
        operation_id="webhooks_create",
        summary="Add an endpoint",
        tags=["webhooks"],
        request=shapes.NewWebhook,
        responses={201: shapes.WebhookWithSecret},
    )
    def post(self, request: Request) -> Response:
        row, secret = add_endpoint(key_of(request).project_id, request.data)
        headers = {"Location": f"/api/webhooks/{row.id}"}
        return Response(endpoint_json(row, secret), status=201, headers=headers)


class WebhookView(RestView):
    @extend_schema(
        operation_id="webhooks_get",
        summary="One endpoint",
        tags=["webhooks"],
        responses={200: shapes.Webhook},
    )
    def get(self, request: Request, webhook_id: str) -> Response:
        return Response(endpoint_json(find(request, webhook_id)))

    @extend_schema(
        operation_id="webhooks_change",
        summary="Change an endpoint",
        tags=["webhooks"],
        request=shapes.WebhookChange,
        responses={200: shapes.Webhook},
    )
    def patch(self, request: Request, webhook_id: str) -> Response:
        row = find(request, webhook_id)
        change_endpoint(row, request.data)
        return Response(endpoint_json(row))

    @extend_schema(
        operation_id="webhooks_delete", summary="Remove an endpoint", tags=["webhooks"], responses={204: None}
    )
    def delete(self, request: Request, webhook_id: str) -> Response:
        removal.remove_endpoint(find(request, webhook_id).pk)
        return Response(status=204)


class RotateView(RestView):
    @extend_schema(
        operation_id="webhooks_rotate",
        summary="Create a new signing secret",
        tags=["webhooks"],
        request=None,
        responses={200: shapes.WebhookWithSecret},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        row = find(request, webhook_id)
        Params(request.data, strict=True).check()
        return Response(endpoint_json(row, rotate_secret(row)))


class TestView(RestView):
    @extend_schema(
        operation_id="webhooks_test",
        summary="Send a test event",
        tags=["webhooks"],
        request=None,
        responses={202: shapes.Delivery},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        row = find(request, webhook_id)
        Params(request.data, strict=True).check()
        return Response(delivery_json(redelivery.send_test(row)), status=202)


class DeliveriesView(RestView):
    @extend_schema(
        operation_id="webhooks_deliveries",
        summary="List deliveries",
        tags=["webhooks"],
        responses={200: shapes.Deliveries},
    )
    @replicas.caught_up
    def get(self, request: Request, webhook_id: str) -> Response:
        rows = models.Delivery.objects.filter(endpoint=find(request, webhook_id))
        status = query_of(request).get("status")
        if status:
            if status not in STATES:
                raise errors.Unprocessable(
                    "invalid_parameter", f"status must be one of {', '.join(STATES)}.", "status"
                )
            rows = rows.filter(state=status)
        rows = rows.prefetch_related("event", "attempts")
        return pagination.page(request, rows, delivery_json)


class ResendView(RestView):
    @extend_schema(
        operation_id="webhooks_resend",
        summary="Send a delivery again",
        tags=["webhooks"],
        request=None,
        responses={202: shapes.Delivery},
    )
    def post(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        row = find(request, webhook_id)
        old = row.deliveries.select_related("event", "endpoint").filter(pk=uuid_or_404(delivery_id)).first()
        if old is None:
            raise errors.NotFound
        Params(request.data, strict=True).check()
        return Response(delivery_json(redelivery.resend(old)), status=202)


class ReplayView(RestView):
    @extend_schema(
        operation_id="webhooks_replay",
        summary="Replay the events after a cursor or a time",
        tags=["webhooks"],
        request=shapes.Replay,
        responses={202: shapes.Replayed},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        row = find(request, webhook_id)
        form = Params(request.data, strict=True)
        after = event_params.read_cursor(form)
        since = parse_since(form)
        form.check()
        if (after is None) == (since is None):
            raise errors.Unprocessable("invalid_parameter", "Give either after or since.", "after")
        return Response({"replayed": redelivery.replay(row, after=after, since=since)}, status=202)


def parse_since(form: Params) -> datetime | None:
    value = form.value("since")
    if value is None:
        return None
    try:
        when = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        form.fail("since", "since must be an RFC 3339 time with its zone.")
    return when
