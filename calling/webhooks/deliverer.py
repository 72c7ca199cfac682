"""The deliverer: an asyncio loop that claims due deliveries, tries them and settles them at once.

It needs PostgreSQL and nothing else; a nudge only makes it look sooner. Many may run side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

import clock
from calling.outbound_http import lookups
from calling.outbound_http.client import FetchFailed, client, signalwire_signature
from calling.outbound_http.url_text import UnsafeUrl
from calling.runtime import db_threads, tracing
from calling.webhooks import delivery_queue, delivery_results, signing
from calling.webhooks.delivery_queue import AT_ONCE, PER_ENDPOINT, ClaimedDelivery
from calling.webhooks.delivery_results import DeliveryResult

log = logging.getLogger(__name__)

IN_FLIGHT = 256
LOOK_SECONDS = 0.5
STOP_SECONDS = 0.3
SETTLED_AT_ONCE = 500
QUICK_MS, MOST_QUICK = 200, 200
HELD = 4  # so many times shorter than a try may take: a claim is for half as long again as that


@dataclass(frozen=True)
class Turn:
    """The result of one round trip to PostgreSQL. settled: the outcomes are stored."""

    settled: bool
    claimed: Sequence[ClaimedDelivery] = ()
    behind: UUID | None = None
    error: DatabaseError | None = None


def settle_and_claim(
    tried: Sequence[DeliveryResult],
    untried: Sequence[ClaimedDelivery],
    after: UUID | None,
    limit: int,
    busy: Mapping[UUID, int],
    quick: Collection[UUID],
) -> Turn:
    """Write down what became of some tries, give back what was not tried, then claim as `claim_behind` does;
    `busy` counts neither."""
    settled = False
    try:
        if tried:
            delivery_results.settle(tried)
        if untried:
            delivery_queue.give_back(untried)
        settled = True
        if limit <= 0:
            return Turn(settled, behind=after)
        return Turn(settled, *delivery_queue.claim_behind(after, limit, busy, quick, AT_ONCE))
    except DatabaseError as error:
        return Turn(settled, behind=after, error=error)


class Deliverer:
    """One deliverer on one event loop. `wake()` from its own loop; `run()` until cancelled.

    `look_seconds`: how long it waits for a `wake()` before it looks by itself.
    """

    def __init__(self, look_seconds: float = LOOK_SECONDS) -> None:
        self.look_seconds = look_seconds
        self.looking = asyncio.Event()
        self.trying: dict[asyncio.Task[None], ClaimedDelivery] = {}
        self.done: asyncio.Queue[DeliveryResult] = asyncio.Queue()
        self.settling: list[DeliveryResult] = []  # written down by the turn under way, or by the next
        self.ahead: defaultdict[UUID, deque[ClaimedDelivery]] = defaultdict(deque)
        self.at_work: Counter[UUID] = Counter()  # tries under way by endpoint
        self.untried: list[ClaimedDelivery] = []  # given back by the next turn
        self.returning: list[ClaimedDelivery] = []  # by the one under way
        self.quick: set[UUID] = set()  # endpoints that answered at once the last time
        self.turn: asyncio.Future[Turn] | None = None
        self.behind: UUID | None = None  # the endpoint up to which the last claim looked; None: all of them
        self.unsettled: Counter[UUID] = Counter()  # tries by endpoint, until what came of them is written

    def wake(self) -> None:
        self.looking.set()

    async def run(self) -> None:
        try:
            while True:
                self.looking.clear()
                done = await self.take_turn()
                self.begin(done.claimed)
                if done.error is not None:
                    log.warning("Deliveries must wait", extra={"error": str(done.error)})
                    await asyncio.sleep(1)
                elif not done.claimed and self.behind is None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.looking.wait(), self.look_seconds)
        finally:
            await self.stop()

    def begin(self, claimed: Iterable[ClaimedDelivery]) -> None:
        """Try what was claimed, so many for each endpoint at once; the others when one of these has ended.
        What has lapsed is left to whoever claims it, who may be at it already."""
        for each in claimed:
            if each.has_lapsed():
                self.untried.append(each)
            elif self.at_work[each.endpoint_id] < PER_ENDPOINT:
                self.try_one(each)
            else:
                self.ahead[each.endpoint_id].append(each)

    def try_one(self, claimed: ClaimedDelivery) -> None:
        self.at_work[claimed.endpoint_id] += 1
        task = asyncio.create_task(self.attempt(claimed))
        self.trying[task] = claimed
        task.add_done_callback(self.go_on)

    def go_on(self, task: asyncio.Task[None]) -> None:
        """A try has ended: the next of its endpoint begins. What has waited for long is for whoever claims
        it next: its claim must not lapse while it is tried."""
        endpoint_id = self.trying.pop(task).endpoint_id
        self.at_work[endpoint_id] -= 1
        waiting, held = self.ahead.get(endpoint_id), settings.CALLWRIGHT_WEBHOOK_SECONDS / HELD
        while waiting and self.at_work[endpoint_id] < PER_ENDPOINT:
            claimed = waiting.popleft()
            if clock.monotonic() - claimed.asked < held:
                self.try_one(claimed)
            else:
                self.untried.append(claimed)
                self.wake()
        if not waiting:
            self.ahead.pop(endpoint_id, None)
        if not self.at_work[endpoint_id]:
            del self.at_work[endpoint_id]

    async def take_turn(self) -> Turn:
        """Write down what came of tries, and claim what is due and fits. A try counts until it is settled, so
        a kill repeats no more than the room."""
        while not self.done.empty() and len(self.settling) < SETTLED_AT_ONCE:
            self.settling.append(self.done.get_nowait())
        self.returning += self.untried
        self.untried = []
        busy = self.unsettled - self.ending()
        self.turn = asyncio.ensure_future(
            db_threads.run(
                settle_and_claim,
                list(self.settling),
                list(self.returning),
                self.behind,
                IN_FLIGHT - busy.total(),
                dict(busy),
                self.quick.copy(),
            )
        )
        return self.heed(await asyncio.shield(self.turn))

    def ending(self) -> Counter[UUID]:
        """By endpoint, the deliveries that no longer count after this turn."""
        ended = [*(each.claimed for each in self.settling), *self.returning]
        return Counter(each.endpoint_id for each in ended)

    def heed(self, done: Turn) -> Turn:
        if done.settled:
            self.unsettled -= self.ending()
            self.settling, self.returning = [], []
        self.unsettled += Counter(each.endpoint_id for each in done.claimed)
        self.behind, self.turn = done.behind, None
        return done

    async def stop(self) -> None:
        """Wait briefly for running tries, store their outcomes, and release the rest."""
        with contextlib.suppress(DatabaseError):
            left = [*self.untried, *(each for waiting in self.ahead.values() for each in waiting)]
            self.ahead.clear()  # no other try begins
            if self.turn is not None:  # it goes on in its thread
                await asyncio.wait([self.turn], timeout=STOP_SECONDS)
                if not self.turn.done():
                    return
                left += self.heed(self.turn.result()).claimed
            if self.trying:
                await asyncio.wait(list(self.trying), timeout=STOP_SECONDS)
            left += self.trying.values()
            left += self.returning
            for task in list(self.trying):
                task.cancel()
            ready = list(self.settling)
            while not self.done.empty():
                ready.append(self.done.get_nowait())
            if ready:
                await db_threads.run(delivery_results.settle, ready)
            if left:
                await db_threads.run(delivery_queue.give_back, left)

    async def attempt(self, claimed: ClaimedDelivery) -> None:
        """One HTTP try; every outcome, the unforeseen too, is an outcome and is written down."""
        lookups.act_for(claimed.project_id)
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
                got = await client().fetch(
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
        self.note_speed(claimed.endpoint_id, status, duration)
        self.done.put_nowait(DeliveryResult(claimed, at, status, duration, error, answer, retry_after))
        self.wake()

    def note_speed(self, endpoint_id: UUID, status: int | None, duration_ms: int) -> None:
        """Record whether more may be claimed for an endpoint than is tried at once."""
        if status is None or not 200 <= status < 300 or duration_ms >= QUICK_MS:
            self.quick.discard(endpoint_id)
        elif endpoint_id not in self.quick:
            if len(self.quick) >= MOST_QUICK:
                self.quick.clear()  # who is in use is in it again soon
            self.quick.add(endpoint_id)
