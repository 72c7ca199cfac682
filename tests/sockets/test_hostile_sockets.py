"""Clients that mean harm or do not listen: the process, and everybody else on it, go on."""

from __future__ import annotations

import asyncio
import json
import random
import string
import time

import pytest
from websockets.sync.client import connect

from calling.runtime.token_bucket import TokenBucket
from calling.sockets import frames
from calling.sockets.phone.commands import VERBS
from calling.sockets.send_queue import SendQueue
from tests.sockets.phones import Phone
from tests.support import fake_worker

TYPES = [*VERBS, "call.create", "call.consult", "calls.list", "ping", "auth", "x"]
NAMES = [
    "call_id", "req_id", "destination", "sdp", "media", "digits", "channels", "candidate", "sdp_mid",
    "reason", "sdp_m_line_index", "leg", "metadata", "sip_headers", "caller_id", "token", "device_id",
]  # fmt: skip


def value(dice: random.Random, call_id: str, depth: int = 0):
    """Any JSON value, often one that is nearly right."""
    kinds = [
        None, True, -1, 2**40, 0.5, "", "x" * 300, call_id, "/private/bob", "12#", "audio", fake_worker.SDP,
        "candidate:1 1 udp 1 192.0.2.1 9 typ host", "".join(dice.choices(string.printable, k=20)), "é☃𝄞",
    ]  # fmt: skip
    if depth < 3 and dice.random() < 0.3:
        inner = [value(dice, call_id, depth + 1) for _ in range(dice.randrange(4))]
        return inner if dice.random() < 0.5 else {dice.choice(NAMES): each for each in inner}
    return dice.choice(kinds)


def test_random_messages_get_an_answer_and_never_end_the_socket(port, cast, seed, figure):
    dice = random.Random(seed)
    bob = Phone(port, cast.bob)
    alice = Phone(port, cast.alice)
    call_id = alice.create("/private/bob")
    fake_worker.carry(call_id)
    for number in range(figure(300, 100_000)):
        fields = {name: value(dice, call_id) for name in dice.sample(NAMES, dice.randrange(6))}
        if dice.random() < 0.5:
            fields["call_id"] = call_id
        text = json.dumps({"type": dice.choice(TYPES), **fields})
        if dice.random() < 0.1:
            cut = dice.randrange(len(text))
            text = text[:cut] + dice.choice(["", '"', "}", "\\"]) + text[cut + 1 :]
        alice.send_text(text)
        if number % 20 == 19:
            mark = f"alive-{number}"
            alice.send("ping", req_id=mark)
            while (heard := alice.next()).get("req_id") != mark:
                assert heard.get("code") != "internal_error", (seed, number, heard)
            time.sleep(0.42)  # within 50 messages a second
    bob.send("ping", req_id="bystander")
    while bob.next().get("req_id") != "bystander":
        pass


def test_a_frame_beyond_the_bound_ends_only_its_own_socket(port, cast):
    bystander, phone = Phone(port, cast.bob), Phone(port, cast.alice)
    phone.send_text(json.dumps({"type": "ping", "x": "y" * 255_000}))
    phone.expect("pong")
    phone.send_text(json.dumps({"type": "ping", "x": "y" * 300_000}))
    assert phone.closed_with() in (1009, 4401, 1000)
    bystander.quiet()


def test_a_path_that_is_none_is_refused_in_the_handshake(port):
    with pytest.raises(Exception, match=r"403|404|rejected"):
        connect(f"ws://127.0.0.1:{port}/ws/nothing", open_timeout=5, legacy=True)


async def test_an_outbound_queue_that_fills_is_given_up_and_dropped():
    stuck, closed = asyncio.Event(), asyncio.Event()

    async def send(text: str) -> None:
        await stuck.wait()

    async def overflow() -> None:
        closed.set()

    for message, count in (({"type": "x"}, 300), ({"type": "x", "y": "z" * 10_000}, 120)):
        closed.clear()
        out = SendQueue(send, overflow)
        await asyncio.sleep(0)
        for _ in range(count):
            out.push(message)
        await asyncio.wait_for(closed.wait(), 2)
        assert out.closed and not out.waiting and out.size == 0
        out.push(message)
        assert not out.waiting


def test_the_bucket_lets_a_burst_pass_and_then_the_rate():
    bucket = TokenBucket(50, 200, now=0.0)
    assert sum(bucket.take(0.0) for _ in range(300)) == 200
    assert sum(bucket.take(1.0) for _ in range(300)) == 50


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, '\\"' * 100_000, '"' * 200_001])
def test_bombs_are_read_in_linear_time(text):
    with pytest.raises(frames.BadFrame):
        frames.read(text)
