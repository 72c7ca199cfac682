"""Sends push messages to push services (RFC 8030): encrypted, signed, bounded, the end after the beginning.

What is to be told comes from `calling.push.rings`. Must not live here: whom to tell, and when.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

import clock
from calling.models import PushSubscription
from calling.outbound_http import lookups
from calling.outbound_http.client import Client, FetchFailed
from calling.outbound_http.url_text import UnsafeUrl, parse_url
from calling.push import vapid
from calling.push.encryption import SALT_BYTES, decode, encode, encrypt
from calling.push.rings import News, Notice
from calling.runtime import db_threads
from calling.runtime.fair_slots import FairSlots

log = logging.getLogger(__name__)

MOST: Final = 200  # legs whose messages are on their way, of all projects; more wait in their rows
AT_ONCE: Final = 32  # requests
SECONDS: Final = 5.0  # for one request
WAITS: Final = (0.0, 1.0, 3.0)  # before each try
GONE: Final = (404, 410)
WRONG_KEY: Final = (401, 403)


class Sender:
    """The messages on their way. One per process, on its event loop."""

    def __init__(self) -> None:
        self.client = Client(allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)
        self.slots = FairSlots(AT_ONCE)
        self.jobs: dict[UUID, asyncio.Task[None]] = {}
        self.busy: Counter[str] = Counter()  # jobs by project
        self.over: set[UUID] = set()

    def send(self, news: News) -> None:
        for notice in news.begun:
            self._begin(notice, None)
        for notice in news.over:
            self.over.add(notice.leg_id)
            self._begin(notice, self.jobs.get(notice.leg_id))

    async def settle(self) -> None:
        """Wait until nothing is on its way."""
        while self.jobs:
            await asyncio.wait(list(self.jobs.values()))

    def _begin(self, notice: Notice, before: asyncio.Task[None] | None) -> None:
        job = asyncio.create_task(self._tell(notice, before))
        self.jobs[notice.leg_id] = job
        self.busy[str(notice.project_id)] += 1
        job.add_done_callback(lambda _: self._end(notice, job))

    def _end(self, notice: Notice, job: asyncio.Task[None]) -> None:
        self.busy[str(notice.project_id)] -= 1
        if self.jobs.get(notice.leg_id) is job:
            del self.jobs[notice.leg_id]
            self.over.discard(notice.leg_id)

    async def _tell(self, notice: Notice, before: asyncio.Task[None] | None) -> None:
        if before is not None:  # the end is said after the beginning
            await asyncio.wait([before])
        lookups.act_for(notice.project_id)
        sent = (self._deliver(browser, notice) for browser in notice.browsers)
        for problem in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(problem, Exception):
                log.error("A push message failed", exc_info=problem)

    async def _deliver(self, browser: PushSubscription, notice: Notice) -> None:
        for wait in WAITS:
            await asyncio.sleep(wait)
            async with self.slots.of(str(notice.project_id)):
                ttl = notice.ttl - int((clock.now() - notice.at).total_seconds())
                outdated = notice.body["type"] == "call.incoming" and notice.leg_id in self.over
                if ttl <= 0 or outdated:
                    return
                status = await self._post(browser, notice, ttl)
            if status in GONE:
                await db_threads.run(forget, browser)
            if status is not None and status != 429 and status < 500:
                return
        log.info("A push service did not take a message", extra={"subscription_id": str(browser.pk)})

    async def _post(self, browser: PushSubscription, notice: Notice, ttl: int) -> int | None:
        """The status of the answer; None where none came. Keys of older secret keys are tried too."""
        status = None
        for key in vapid.private_keys():
            try:
                answer = await self.client.fetch(
                    browser.endpoint,
                    method="POST",
                    headers=headers(browser, notice, ttl, key),
                    content=body(browser, notice),
                    total_timeout=SECONDS,
                )
            except (OSError, UnsafeUrl, FetchFailed) as error:
                told = {"subscription_id": str(browser.pk), "error": type(error).__name__}
                log.info("A push service gave no answer", extra=told)
                return None
            status = answer.status
            if status not in WRONG_KEY:
                break
        return status


def headers(
    browser: PushSubscription, notice: Notice, ttl: int, key: ec.EllipticCurvePrivateKey
) -> dict[str, str]:
    target = parse_url(browser.endpoint, allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)
    return {
        "authorization": vapid.authorization(target, key, f"mailto:{settings.DEFAULT_FROM_EMAIL}"),
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": str(ttl),
        "urgency": "high",
        "topic": topic(notice.call_id),
    }


def topic(call_id: UUID) -> str:
    """One per call, so that the end takes the place of a beginning that was not fetched yet: at most 32
    characters of base64url (RFC 8030 section 5.4)."""
    return encode(call_id.bytes)


def body(browser: PushSubscription, notice: Notice) -> bytes:
    return encrypt(
        json.dumps(notice.body, ensure_ascii=False).encode(),
        decode(browser.p256dh),
        decode(browser.auth),
        sender=ec.generate_private_key(ec.SECP256R1()),
        salt=os.urandom(SALT_BYTES),
    )


def forget(browser: PushSubscription) -> None:
    """The push service knows the subscription no more; one that was made anew meanwhile stays."""
    PushSubscription.objects.filter(pk=browser.pk, p256dh=browser.p256dh).delete()
