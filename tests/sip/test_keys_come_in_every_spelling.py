"""Keys told by INFO, as phones, trunks and cars write them; and keys of ours that go out so."""

from __future__ import annotations

import struct

import pytest

from calling.sip.stack import info_digits
from calling.sip.stack.events import Digit
from tests.sip.conftest import MakeAgent, next_notice, port_of
from tests.sip.raw import Raw
from tests.sip.test_requests_that_cross_or_wait import Callee, answered

RELAY, PLAIN, EVENT = info_digits.TYPES
KEYS = [
    *((RELAY, f"Signal={digit}\r\nDuration=250\r\n", digit.upper(), 250) for digit in "0123456789*#ABCDabcd"),
    *(
        (RELAY, f"Signal={number}\r\nDuration=100\r\n", digit, 100)
        for number, digit in enumerate("0123456789*#ABCD")
    ),
    *((PLAIN, str(number), digit, 160) for number, digit in enumerate("0123456789*#ABCD")),
    (RELAY, "signal=7\r\nduration=90\r\n", "7", 90),
    (RELAY, "SIGNAL = 7\nDURATION = 90\n", "7", 90),
    (RELAY, 'Signal="2"\r\nDuration="160"\r\n', "2", 160),
    (RELAY, "Signal='11'\r\n", "#", 160),
    (RELAY, "Duration=120\r\nSignal=5", "5", 120),
    (RELAY, "Signal=5\r\nDuration=999999\r\n", "5", 10_000),
    (RELAY, "Signal: 5\r\nDuration: 80\r\n", "5", 80),
    (RELAY, "Signal=05\r\n", "5", 160),
    (RELAY, "d=9\r\n", "9", 160),
    (PLAIN, " 5 \r\n", "5", 160),
    (PLAIN, "#", "#", 160),
    (PLAIN, '"*"', "*", 160),
    (PLAIN, "Signal=10\r\nDuration=70", "*", 70),
    (EVENT, "Signal=6\r\n", "6", 160),
    (EVENT, "10", "*", 160),
    (EVENT, "0B0A0320", "#", 100),
    (EVENT, struct.pack("!BBH", 4, 10, 800), "4", 100),
    ("Application/DTMF-Relay ; charset=utf-8", "Signal=3\r\n", "3", 160),
]


@pytest.mark.parametrize(("kind", "body", "digit", "length"), KEYS)
def test_a_key_is_read(kind: str, body: str | bytes, digit: str, length: int) -> None:
    data = body.encode() if isinstance(body, str) else body
    found = info_digits.read(kind.split(";")[0].strip().lower(), data)
    assert found is not None and (found.digit, found.duration_ms) == (digit, length)


@pytest.mark.parametrize(
    "body", ["", "17", "E", "Signal=", "Signal=x", "12345", "Signal=-1", "\x00\xff", "Signals=5"]
)
@pytest.mark.parametrize("kind", [RELAY, PLAIN])
def test_what_is_no_key_is_none(kind: str, body: str) -> None:
    assert info_digits.read(kind, body.encode("latin-1")) is None


async def test_a_phone_is_told_what_became_of_its_key(agent: MakeAgent) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        bodies = [
            (RELAY, "Signal=10\r\n", 200), (EVENT, "11", 200), (RELAY, "signal=16\r\n", 200),
            (RELAY, "Signal=?\r\n", 400), ("text/plain", "5", 415), (PLAIN, "7", 200),
        ]  # fmt: skip
        for number, (kind, body, status) in enumerate(bodies):
            peer.say("INFO", branch=f"k{number}", sequence=2 + number, tag=tag, body=body, kind=kind)
            answer = await peer.answered(f"k{number}", "INFO")
            assert answer.code == status
            assert status != 415 or "application/dtmf-relay" in answer.headers["Accept"]
        digits = [(await next_notice(call, Digit)).digit for _ in range(3)]
        assert digits == ["*", "#", "7"], "a hook flash is no key"


async def test_one_key_as_several_events_counts_once(agent: MakeAgent) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        sequence = 1
        for event, ended in ((5, False), (5, True), (5, True), (6, False), (6, True), (7, True)):
            sequence += 1
            payload = struct.pack("!BBH", event, 0x80 if ended else 0, 800)
            peer.say("INFO", branch=f"k{sequence}", sequence=sequence, tag=tag, body=payload, kind=EVENT)
            assert (await peer.answered(f"k{sequence}", "INFO")).code == 200
        peer.say("INFO", branch="end", sequence=99, tag=tag, body="0", kind=PLAIN)
        heard = ""
        while not heard.endswith("0"):
            heard += (await next_notice(call, Digit)).digit
        assert heard == "55670"


async def test_our_keys_go_out_where_the_far_end_allows_it(agent: MakeAgent) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, _ = await answered(peer, callee)
        assert await call.send_digit("5") == 405, "its Allow does not name INFO"
