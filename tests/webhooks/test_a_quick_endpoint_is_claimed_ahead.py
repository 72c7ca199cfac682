"""An endpoint that answers at once has more claimed than is tried at once; what waits too long goes back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import replace
from uuid import UUID

import pytest

from calling import models
from calling.outbound_http.client import client
from calling.webhooks import delivery_queue
from calling.webhooks.deliverer import Deliverer
from calling.webhooks.publish import publish_round
from tests.webhooks.conftest import emit_event, make_hook

COUNT = delivery_queue.PER_ENDPOINT + 20


def claimed_of(cast, hook) -> list[delivery_queue.ClaimedDelivery]:
    for number in range(COUNT):
        emit_event(cast, room=f"r{number}")
    publish_round()
    found, _ = delivery_queue.claim_behind(None, 256, {}, {UUID(hook["id"])})
    return found


def test_more_is_claimed_only_for_who_answered_at_once(cast, hook) -> None:
    assert len(claimed_of(cast, hook)) == COUNT
    models.Delivery.objects.update(claimed_until=None)
    assert len(delivery_queue.claim(256, {})) == delivery_queue.PER_ENDPOINT


class Slow:
    """A receiver on the deliverer's own loop: how many requests it had at once, and which deliveries."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.at_once, self.most = seconds, 0, 0
        self.ids: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
                await reader.readexactly(int(fields["content-length"]))
                self.ids.append(fields["webhook-id"])
                self.at_once += 1
                self.most = max(self.most, self.at_once)
                await asyncio.sleep(self.seconds)
                self.at_once -= 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()


def tried(slow: Slow, claimed: list[delivery_queue.ClaimedDelivery]) -> Deliverer:
    """The deliverer that has tried them all, or as many as it would."""

    async def try_all() -> Deliverer:
        deliverer = Deliverer()
        server = await asyncio.start_server(slow.answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with asyncio.timeout(60):
            deliverer.begin([replace(each, url=url) for each in claimed])
            while deliverer.trying:
                await asyncio.sleep(0.01)
        server.close()
        await client().aclose()
        return deliverer

    return asyncio.run(try_all())


def test_no_more_are_tried_at_once_and_the_others_follow(cast, hook) -> None:
    claimed, slow = claimed_of(cast, hook), Slow(0.1)
    deliverer = tried(slow, claimed)
    assert sorted(slow.ids) == sorted(each.message_id for each in claimed)
    assert slow.most == delivery_queue.PER_ENDPOINT and not deliverer.untried


def test_what_has_waited_for_long_is_given_back_untried(cast, hook, settings) -> None:
    settings.CALLWRIGHT_WEBHOOK_SECONDS = 4
    claimed, slow = claimed_of(cast, hook), Slow(1.5)
    deliverer = tried(slow, claimed)
    left = [each.message_id for each in deliverer.untried]
    assert len(left) == COUNT - delivery_queue.PER_ENDPOINT
    assert sorted(slow.ids + left) == sorted(each.message_id for each in claimed)


def test_a_claim_that_lapsed_while_the_deliverer_stood_still_is_not_tried(cast, hook) -> None:
    """Another may be at it: the receiver would get it twice at once."""
    lease = delivery_queue.lease_seconds()
    first, second, *others = claimed_of(cast, hook)
    lapsed = replace(first, asked=first.asked - lease)
    slow, held = Slow(0), replace(second, asked=second.asked - lease + 5)
    deliverer = tried(slow, [lapsed, held, *others])
    assert deliverer.untried == [replace(lapsed, url=deliverer.untried[0].url)]
    assert held.message_id in slow.ids and lapsed.message_id not in slow.ids


@pytest.mark.django_db(transaction=True)
def test_what_nobody_tried_is_for_others_when_the_deliverer_stops(cast, receivers) -> None:
    waiting = threading.Event()
    receiver = receivers(lambda number, headers, body: waiting.wait(5) and "ok")
    hook = make_hook(cast, receiver.url)
    claimed = claimed_of(cast, hook)

    async def try_some() -> None:
        deliverer = Deliverer()
        deliverer.begin(claimed)
        await asyncio.sleep(0.2)
        await deliverer.stop()

    asyncio.run(try_some())
    waiting.set()
    assert not models.Delivery.objects.filter(claimed_until__isnull=False).exists()
    assert len({got.id for got in receiver.got}) <= delivery_queue.PER_ENDPOINT
