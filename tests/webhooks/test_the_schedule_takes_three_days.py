"""The waits between tries, by a clock that is moved by hand (docs/contract.md#webhook-schedule)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from calling import models
from calling.webhooks.schedule import JITTER, WAITS, is_abandoned, next_attempt
from tests.webhooks.conftest import advance_clock, deliver_due, deliveries, emit_event, make_hook, turn_all

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_eleven_tries_over_more_than_three_days_then_parked(seed) -> None:
    assert WAITS == (5, 30, 120, 600, 3600, 10_800, 21_600, 43_200, 86_400, 93_600)
    rng, at = random.Random(seed), NOW
    for tries, wait in enumerate(WAITS, 1):
        verdict = next_attempt(tries, 500, at, rng=rng)
        assert verdict.state == "pending" and verdict.next_at is not None
        assert wait <= (verdict.next_at - at).total_seconds() <= wait * (1 + JITTER)
        at = verdict.next_at
    assert next_attempt(11, 500, at).state == "parked"
    assert timedelta(hours=72) < at - NOW < timedelta(hours=81)


def test_tries_by_hand_take_none_of_the_schedule(seed) -> None:
    """However often somebody asks while the receiver is down, the last try is more than three days after the
    first, and no two of the schedule's are further apart than its waits."""
    rng = random.Random(seed)
    at, due, tries, gaps = NOW, NOW, 0, []
    while True:
        tries += 1
        verdict = next_attempt(tries, 500, at, rng=rng, first=NOW)
        if verdict.next_at is None:
            break
        gaps.append((verdict.next_at - at).total_seconds())
        due = verdict.next_at
        by_hand = at + timedelta(seconds=rng.choice((2, 50, 5000)))
        at = by_hand if tries < 40 and by_hand < due and rng.random() < 0.6 else due
    assert verdict.state == "parked" and tries > len(WAITS) + 1
    assert timedelta(hours=72) < at - NOW < timedelta(hours=81)
    assert max(gaps) <= max(WAITS) * (1 + JITTER)


def test_a_try_by_hand_leaves_the_next_one_where_it_was() -> None:
    """An hour into the wait of six, five of it are left."""
    eighth = NOW + timedelta(seconds=sum(WAITS[:6]))
    verdict = next_attempt(8, 500, eighth + timedelta(hours=1), first=NOW)
    assert verdict.next_at is not None
    left = (verdict.next_at - eighth).total_seconds() / 3600
    assert 6 <= left <= 1 + 5 * (1 + JITTER)


def test_a_clock_that_was_set_back_costs_one_wait_and_no_more() -> None:
    verdict = next_attempt(3, 500, NOW - timedelta(days=1), first=NOW)
    assert verdict.next_at is not None
    assert (verdict.next_at - NOW + timedelta(days=1)).total_seconds() <= WAITS[0] * (1 + JITTER)


def test_retry_after_puts_a_try_off_but_never_brings_it_forward() -> None:
    def wait(value: str) -> float:
        verdict = next_attempt(1, 503, NOW, value)
        assert verdict.next_at is not None
        return (verdict.next_at - NOW).total_seconds()

    assert wait("60") == 60
    assert wait("Thu, 01 Jan 2026 00:02:00 GMT") == 120
    for useless in ("0", "2", "-3", "soon", "", "9" * 30, "Thu, 01 Jan 1970 00:00:00 GMT", "²"):
        assert 5 <= wait(useless) <= 5.5, useless
    assert wait("999999999") == 26 * 3600


def test_five_days_of_failures_are_enough() -> None:
    assert not is_abandoned(None, NOW)
    assert not is_abandoned(NOW - timedelta(days=4, hours=23), NOW)
    assert is_abandoned(NOW - timedelta(days=5), NOW)


def test_every_try_has_the_same_id_and_bytes_and_after_the_last_it_is_parked(cast, receivers) -> None:
    receiver = receivers(lambda number, headers, body: 500)
    hook = make_hook(cast, receiver.url, ["room.*"])
    emit_event(cast)
    turn_all()
    for tries, wait in enumerate(WAITS, 1):
        (row,) = models.Delivery.objects.all()
        assert row.tries == len(receiver.got) == tries
        advance_clock(wait - 4)  # real time goes on too, and a busy machine takes seconds
        assert deliver_due() == 0
        advance_clock(wait * JITTER + 5)
        assert deliver_due() == 1
    assert len({(each.id, each.body) for each in receiver.got}) == 1
    (one,) = deliveries(cast, hook, "?status=parked")
    assert one["tries"] == len(one["attempts"]) == 11


def test_retry_after_of_a_real_answer_is_obeyed(cast, receivers) -> None:
    receiver = receivers(lambda number, headers, body: (429, {"Retry-After": "40"}) if number == 0 else 200)
    make_hook(cast, receiver.url)
    emit_event(cast)
    turn_all()
    advance_clock(36)
    assert deliver_due() == 0
    advance_clock(5)
    assert deliver_due() == 1
