"""The deliverer: an asyncio loop that claims due deliveries, tries them and settles them at once.

It needs PostgreSQL and nothing else; a nudge only makes it look sooner. Many may run side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

import clock
from calling.outbound_http.client import FetchFailed, fetch, signalwire_signature
from calling.outbound_http.url_guard import UnsafeUrl
from calling.runtime import db_threads, tracing
from calling.webhooks import delivery_queue, signing
from calling.webhooks.delivery_queue import ClaimedDelivery, DeliveryResult

log = logging.getLogger(__name__)

IN_FLIGHT = 256
LOOK_SECONDS = 0.5
STOP_SECONDS = 0.3


class Deliverer:
    """One deliverer on one event loop. `wake()` from its own loop; `run()` until cancelled.

    `look_seconds`: how long it waits for a `wake()` before it looks by itself.
    """

    def __init__(self, look_seconds: float = LOOK_SECONDS) -> None:
        self.look_seconds = look_seconds
        self.looking = asyncio.Event()
        self.trying: dict[asyncio.Task[None], ClaimedDelivery] = {}
        self.done: asyncio.Queue[DeliveryResult] = asyncio.Queue()
        self.settling: list[DeliveryResult] = []
        self.behind: UUID | None = None  # the endpoint up to which the last claim looked; None: all of them
        self.unsettled: Counter[UUID] = Counter()  # tries by endpoint, until what came of them is written

    def wake(self) -> None:
        self.looking.set()

    async def run(self) -> None:
        settler = asyncio.create_task(self.settle_forever())
        try:
            while True:
                self.looking.clear()
                claimed = await self.claim()
                for each in claimed:
                    task = asyncio.create_task(self.attempt(each))
                    self.trying[task] = each
                    self.unsettled[each.endpoint_id] += 1
                    task.add_done_callback(lambda gone: self.trying.pop(gone, None))
                if not claimed and self.behind is None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.looking.wait(), self.look_seconds)
        finally:
            settler.cancel()
            await self.stop()

    async def stop(self) -> None:
        """Give tries that are nearly through a moment, write down what came of them, give the rest back."""
        with contextlib.suppress(DatabaseError):
            if self.trying:
                await asyncio.wait(list(self.trying), timeout=STOP_SECONDS)
            left = list(self.trying.values())
            for task in list(self.trying):
                task.cancel()
            ready = list(self.settling)
            while not self.done.empty():
                ready.append(self.done.get_nowait())
            if ready:
                await db_threads.run(delivery_queue.settle, ready)
            if left:
                await db_threads.run(delivery_queue.give_back, left)

    async def claim(self) -> list[ClaimedDelivery]:
        """What is due and fits: a try counts until it is settled, so a kill repeats no more than the room."""
        room = IN_FLIGHT - self.unsettled.total()
        if room <= 0:
            return []
        try:
            found, self.behind = await db_threads.run(
                delivery_queue.claim_behind, self.behind, room, dict(self.unsettled)
            )
            return found
        except DatabaseError as error:
            log.warning("Deliveries could not be claimed", extra={"error": str(error)})
            await asyncio.sleep(1)
            return []

    async def attempt(self, claimed: ClaimedDelivery) -> None:
        """One HTTP try; every outcome, the unforeseen too, is an outcome and is written down."""
        at, started = clock.now(), clock.monotonic()
        headers = signing.headers(claimed.secrets, claimed.message_id, int(at.timestamp()), claimed.body)
        headers["content-type"] = "application/json"
        if claimed.signing_key is not None:
            headers["x-signalwire-signature"] = signalwire_signature(
                claimed.signing_key, claimed.url, claimed.body
            )
        status, error, answer, retry_after = None, "", "", None
        try:
            with tracing.span(f"webhook {claimed.event}", claimed.call_id, attempt=claimed.tries + 1):
                got = await fetch(
                    claimed.url,
                    method="POST",
                    headers=headers,
                    content=claimed.body,
                    purpose="webhook",
                    max_bytes=1024,
                    total_timeout=settings.CALLWRIGHT_WEBHOOK_SECONDS,
                )
            status, retry_after = got.status, got.headers.get("retry-after")
            answer = got.body[:1024].decode("utf-8", "replace").replace("\x00", "\ufffd")
        except UnsafeUrl as refusal:
            error = f"refused: {refusal}"
        except FetchFailed as failure:
            error = f"{failure.kind}: {failure}"
        except Exception as surprise:  # a receiver must never be able to stop the deliverer
            log.exception("A delivery failed in an unforeseen way")
            error = f"internal: {type(surprise).__name__}"
        duration = int((clock.monotonic() - started) * 1000)
        self.done.put_nowait(DeliveryResult(claimed, at, status, duration, error, answer, retry_after))

    async def settle_forever(self) -> None:
        while True:
            batch = self.settling = [await self.done.get()]
            while not self.done.empty() and len(batch) < 500:
                batch.append(self.done.get_nowait())
            while True:
                try:
                    await db_threads.run(delivery_queue.settle, batch)
                    break
                except DatabaseError as error:
                    log.warning("Deliveries could not be settled", extra={"error": str(error)})
                    await asyncio.sleep(1)
            self.settling = []
            self.unsettled -= Counter(each.claimed.endpoint_id for each in batch)
            self.wake()
