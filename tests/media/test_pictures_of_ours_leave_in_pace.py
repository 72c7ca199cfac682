"""Pictures that the platform makes leave in pace with the link: whole, in order, late by 0.2 s at most."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from calling.media.rtp.pacer import BURST, LONGEST, Bucket, Pacer, Waiting
from tests.support.wait import until

KEY_FRAME = [b"%03d" % number + bytes(1197) for number in range(30)]  # 36 kB


@given(rate=st.floats(1e5, 1e7), sizes=st.lists(st.integers(1, 1400), min_size=1, max_size=100))
def test_no_more_leaves_than_the_pace_and_one_burst(rate: float, sizes: list[int]) -> None:
    bucket, now, sent = Bucket(), 100.0, 0
    bucket.wait(rate, now)
    for size in sizes:
        now += bucket.wait(rate, now)
        assert 8 * (sent - BURST) <= rate * (now - 100) + 8 * 0.01 * (sent + 1)
        bucket.take(size)
        sent += size


def test_what_a_narrow_link_held_up_does_not_slow_a_wider_one() -> None:
    """Payloads leave when they have waited long enough, paid for or not."""
    bucket, now = Bucket(), 100.0
    for _ in range(6000):
        bucket.wait(125_000, now)
        bucket.take(1200)
        now += 0.005
    assert bucket.wait(125_000, now) <= LONGEST
    assert bucket.wait(5_000_000, now + 0.1) == 0


def send(pacer: Pacer, payloads: list[bytes]) -> None:
    for payload in payloads:
        pacer.add(None, payload, 96, 0, False)


async def test_a_large_picture_leaves_bit_by_bit_and_in_order() -> None:
    sent: list[Waiting] = []
    pacer = Pacer(sent.append, lambda: 1_000_000.0)
    send(pacer, KEY_FRAME)
    assert sum(len(one.payload) for one in sent) <= BURST + len(KEY_FRAME[0]), "the rest waits"
    await until(lambda: len(sent) == len(KEY_FRAME), what="the rest of the picture")
    assert [one.payload for one in sent] == KEY_FRAME


async def test_a_small_picture_leaves_at_once() -> None:
    sent: list[Waiting] = []
    send(Pacer(sent.append, lambda: None), KEY_FRAME[:4])
    assert len(sent) == 4


async def test_nothing_waits_for_ever() -> None:
    sent: list[Waiting] = []
    pacer = Pacer(sent.append, lambda: 1000.0)
    send(pacer, KEY_FRAME)
    await asyncio.sleep(LONGEST)
    await until(lambda: len(sent) == len(KEY_FRAME), what="the whole picture")


async def test_what_was_left_is_not_sent() -> None:
    sent: list[Waiting] = []
    pacer = Pacer(sent.append, lambda: 1000.0)
    send(pacer, KEY_FRAME)
    begun = len(sent)
    pacer.forget()
    await asyncio.sleep(LONGEST + 0.05)
    assert len(sent) == begun
    send(pacer, KEY_FRAME[:1])
    await until(lambda: len(sent) == begun + 1, what="what comes after it")
