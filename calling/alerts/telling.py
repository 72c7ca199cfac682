"""Delivery of an alert: by mail, or by a POST of JSON that chat programs show as it is."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from smtplib import SMTPException
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage

from calling.models.alert import Alert
from calling.outbound_http import lookups
from calling.outbound_http.client import Client, FetchFailed
from calling.outbound_http.url_text import UnsafeUrl
from rest.json_bodies import rfc3339

log = logging.getLogger(__name__)

SECONDS: Final = 10.0
MAILS: Final = 4  # sent at once


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


class Teller:
    """The alerts that are being told. One per process, on its event loop: a slow address delays itself alone.

    `settle(alert, told)` writes down what came of each.
    """

    def __init__(self, settle: Callable[[Alert, bool], Awaitable[None]]) -> None:
        self.settle = settle
        self.client = Client(allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)
        self.mails = ThreadPoolExecutor(MAILS, thread_name_prefix="mail")
        self.busy: Counter[str] = Counter()  # alerts by project
        self.jobs: set[asyncio.Task[None]] = set()

    def tell(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            project = str(alert.project_id)
            self.busy[project] += 1
            job = asyncio.create_task(self._tell(alert))
            self.jobs.add(job)
            job.add_done_callback(partial(self._end, project))

    def _end(self, project: str, job: asyncio.Task[None]) -> None:
        self.jobs.discard(job)
        self.busy[project] -= 1
        if not job.cancelled() and (problem := job.exception()) is not None:
            log.error("The result of an alert could not be stored", exc_info=problem)

    async def finish(self) -> None:
        """Wait until every delivery has succeeded or failed."""
        while self.jobs:
            await asyncio.wait(self.jobs)

    async def _tell(self, alert: Alert) -> None:
        lookups.act_for(alert.project_id)
        try:
            told = await (self._mail(alert) if is_mail(alert.to) else self._post(alert))
        except (OSError, SMTPException, UnsafeUrl, FetchFailed) as error:
            told = False
            log.info(
                "An alert was not delivered", extra={"alert_id": str(alert.pk), "error": type(error).__name__}
            )
        await self.settle(alert, told)

    async def _mail(self, alert: Alert) -> bool:
        subject = f"{alert.project.name}: {alert.kind.replace('_', ' ')}"[:200]
        mail = EmailMessage(" ".join(subject.split()), words(alert), settings.DEFAULT_FROM_EMAIL, [alert.to])
        await asyncio.get_running_loop().run_in_executor(self.mails, mail.send)
        return True

    async def _post(self, alert: Alert) -> bool:
        body = {
            "text": words(alert),
            "alert_id": str(alert.pk),
            "project_id": str(alert.project_id),
            "kind": alert.kind,
            "raised_at": rfc3339(alert.raised_at),
            "detail": alert.detail,
        }
        answer = await self.client.fetch(
            alert.to,
            method="POST",
            headers={"content-type": "application/json"},
            content=json.dumps(body).encode(),
            total_timeout=SECONDS,
        )
        return 200 <= answer.status < 300
