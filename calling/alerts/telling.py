"""Delivery of an alert: by mail, or by a POST of JSON that chat programs show as it is."""

from __future__ import annotations

import asyncio
import json
import logging
from smtplib import SMTPException
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage

from calling.models.alert import Alert
from calling.outbound_http.client import Client, FetchFailed
from calling.outbound_http.url_guard import UnsafeUrl
from rest.json_bodies import rfc3339

log = logging.getLogger(__name__)

SECONDS: Final = 10.0


def is_mail(to: str) -> bool:
    return "://" not in to


def words(alert: Alert) -> str:
    """One sentence for a person."""
    detail = alert.detail
    match alert.kind:
        case Alert.Kind.WEBHOOK_FAILING:
            state = "was disabled" if detail.get("disabled") else "has been failing for a minute"
            return f"The webhook {detail.get('url')} {state}."
        case Alert.Kind.WORKER_LOST:
            return f"{detail.get('calls')} calls ended because their media worker was lost."
        case Alert.Kind.QUALITY:
            return f"{detail.get('calls')} calls sounded bad; the worst had a MOS of {detail.get('mos')}."
        case _:
            return f"The balance is down to {detail.get('available')} {detail.get('currency')}."


def tell(alert: Alert) -> bool:
    """Whether the address took it."""
    try:
        if is_mail(alert.to):
            subject = f"{alert.project.name}: {alert.kind.replace('_', ' ')}"[:200]
            EmailMessage(
                " ".join(subject.split()), words(alert), settings.DEFAULT_FROM_EMAIL, [alert.to]
            ).send()
            return True
        return asyncio.run(_post(alert))
    except (OSError, SMTPException, UnsafeUrl, FetchFailed) as error:
        log.info("An alert was not told", extra={"alert_id": str(alert.pk), "error": type(error).__name__})
        return False


async def _post(alert: Alert) -> bool:
    body = {
        "text": words(alert),
        "alert_id": str(alert.pk),
        "project_id": str(alert.project_id),
        "kind": alert.kind,
        "raised_at": rfc3339(alert.raised_at),
        "detail": alert.detail,
    }
    client = Client(allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)
    try:
        answer = await client.fetch(
            alert.to,
            method="POST",
            headers={"content-type": "application/json"},
            content=json.dumps(body).encode(),
            total_timeout=SECONDS,
        )
    finally:
        await client.aclose()
    return 200 <= answer.status < 300
