"""`GET /api/balance`: a project's balance, reservations and today's spending on phone calls."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import schema
from calling.api.view import SwitchboardView
from calling.telephony import billing, rates
from calling.telephony.policy import policy_of
from rest.json_bodies import rfc3339
from rest.openapi import shape
from subscribers.models import Project

Limits = shape(
    "BalanceLimits",
    concurrent=s.IntegerField(allow_null=True),
    per_minute=s.IntegerField(allow_null=True),
    per_day=s.CharField(allow_null=True),
)
Balance = shape(
    "Balance",
    project_id=s.UUIDField(),
    prepaid=s.BooleanField(help_text="whether a phone call needs a sufficient balance"),
    currency=s.CharField(),
    balance=s.CharField(help_text="with six decimals"),
    reserved=s.CharField(help_text="reserved for live calls"),
    available=s.CharField(),
    spent_today=s.CharField(),
    live_phone_calls=s.IntegerField(),
    limits=Limits,
    suspended_at=s.DateTimeField(allow_null=True),
    suspended_reason=s.CharField(allow_null=True),
)


class BalanceView(SwitchboardView):
    @extend_schema(
        operation_id="balance",
        summary="The project's balance and limits for phone calls",
        responses={200: Balance, **schema.ERRORS},
        tags=["phone calls"],
    )
    def get(self, request: Request) -> Response:
        project = Project.objects.get(pk=self.key(request).project_id)
        return Response(balance_payload(project))


def balance_payload(project: Project) -> dict[str, Any]:
    """The JSON of a project's balance; amounts are text with six decimals, so that none is rounded."""
    found, caps = billing.summary(project.pk), policy_of(project.pk).caps
    account = found["account"]
    return {
        "project_id": str(project.pk),
        "prepaid": account.prepaid,
        "currency": account.currency,
        "balance": rates.format_amount(account.balance),
        "reserved": rates.format_amount(account.reserved),
        "available": rates.format_amount(found["available"]),
        "spent_today": rates.format_amount(found["spent_today"]),
        "live_phone_calls": found["open"],
        "limits": {
            "concurrent": caps.concurrent,
            "per_minute": caps.per_minute,
            "per_day": None if caps.per_day is None else rates.format_amount(caps.per_day),
        },
        "suspended_at": rfc3339(project.suspended_at),
        "suspended_reason": project.suspended_reason or None,
    }
