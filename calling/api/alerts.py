"""`/api/alerts`: the alerts of a project (docs/contract.md#alerts)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import schema
from calling.api.view import SwitchboardView
from calling.commands.leg_selection import uuid_or_404
from calling.commands.params import Params
from calling.models.alert import Alert
from calling.outbound_http.url_text import UnsafeUrl, parse_url
from rest import errors, pagination
from rest.json_bodies import rfc3339
from rest.openapi import listed, shape

MOST = 50
LONGEST = 2000
# The kinds that compare a figure: the mean opinion score of a call, the available balance.
RANGES = {
    Alert.Kind.QUALITY: (Decimal(1), Decimal("4.5")),
    Alert.Kind.BALANCE: (Decimal(0), Decimal(1_000_000_000)),
}

AlertShape = shape(
    "Alert",
    id=s.UUIDField(),
    kind=s.ChoiceField(Alert.Kind.values),
    to=s.CharField(help_text="a mail address or a URL"),
    threshold=s.CharField(allow_null=True, help_text="quality: MOS (default 3); balance: amount (default 0)"),
    created_at=s.DateTimeField(),
    raised_at=s.DateTimeField(allow_null=True, help_text="since when its condition has held"),
)
NewAlert = shape(
    "NewAlert",
    kind=s.ChoiceField(Alert.Kind.values),
    to=s.CharField(help_text="a mail address or a URL"),
    threshold=s.CharField(
        required=False, help_text="only for quality and balance; a number, or a string with a number"
    ),
)
Alerts = listed("Alerts", AlertShape)


def alert_json(row: Alert) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "to": row.to,
        "threshold": None if row.threshold is None else f"{row.threshold.normalize():f}",
        "created_at": rfc3339(row.created_at),
        "raised_at": rfc3339(row.raised_at),
    }


class AlertsView(SwitchboardView):
    @extend_schema(
        operation_id="alerts_list",
        summary="List alerts",
        parameters=schema.PAGING,
        responses={200: Alerts, **schema.ERRORS},
        tags=["alerts"],
    )
    def get(self, request: Request) -> Response:
        rows = Alert.objects.filter(project_id=self.key(request).project_id)
        return pagination.page(request, rows, alert_json)

    @extend_schema(
        operation_id="alerts_create",
        summary="Create an alert",
        request=NewAlert,
        responses={201: AlertShape, **schema.ERRORS},
        tags=["alerts"],
    )
    def post(self, request: Request) -> Response:
        row = add_alert(self.key(request).project_id, self.form(request))
        return Response(alert_json(row), status=201, headers={"Location": f"/api/alerts/{row.pk}"})


class AlertView(SwitchboardView):
    @extend_schema(
        operation_id="alerts_delete",
        summary="Delete an alert",
        request=None,
        responses={204: None, **schema.ERRORS},
        tags=["alerts"],
    )
    def delete(self, request: Request, alert_id: str) -> Response:
        rows = Alert.objects.filter(project_id=self.key(request).project_id, pk=uuid_or_404(alert_id))
        if not rows.delete()[0]:
            raise errors.NotFound
        return Response(status=204)


def add_alert(project_id: UUID, form: Params) -> Alert:
    """A new alert. 409 422."""
    form.value("kind", required=True)
    kind = form.choice("kind", tuple(Alert.Kind.values)) or ""
    to = read_address(form)
    threshold = read_threshold(form, kind)
    form.check()
    if Alert.objects.filter(project_id=project_id).count() >= MOST:
        raise errors.Conflict("too_many_alerts", f"A project has at most {MOST} alerts.")
    return Alert.objects.create(project_id=project_id, kind=kind, to=to, threshold=threshold)


def read_address(form: Params) -> str:
    """A mail address, or a URL that is checked like a webhook's."""
    to = form.text("to", LONGEST, required=True) or ""
    if "://" in to:
        try:
            parse_url(to, allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)
        except UnsafeUrl as unsafe:
            form.fail("to", str(unsafe))
    elif to:
        try:
            validate_email(to)
        except ValidationError:
            form.fail("to", "to is a mail address or a URL.")
        else:
            if not settings.EMAIL_HOST:
                form.fail(
                    "to",
                    "This instance cannot send mail: CALLWRIGHT_SMTP_URL is not set.",
                    "mail_unavailable",
                )
    return to


def read_threshold(form: Params, kind: str) -> Decimal | None:
    value = form.value("threshold")
    if value is None:
        return None
    if kind not in RANGES:
        form.fail("threshold", "Only quality and balance have a threshold.")
        return None
    low, high = RANGES[Alert.Kind(kind)]
    try:
        number = Decimal(str(value)[:32]) if isinstance(value, str | int | float) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if isinstance(value, bool) or not number.is_finite() or not low <= number <= high:
        form.fail("threshold", f"threshold is a number from {low} to {high}.")
        return None
    return number.quantize(Decimal("0.000001"))
