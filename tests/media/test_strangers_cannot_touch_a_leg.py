"""R1: malformed and foreign datagrams, in set-up and mid-call, neither end nor delay nor reach anything."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

import pytest

from calling.media.aiortc_private import IceAgent
from calling.media.peer import Peer
from calling.media.signals import Failed, Signal
from tests.media.phones import CONFIG, Phone, until

SOAK = os.environ.get("CALLWRIGHT_SOAK") == "1"
MIDCALL = 1_000_000 if SOAK else 5_000  # hostile datagrams during the call (R1)
CLIENT_HELLO = bytes.fromhex("16fefd0000000000000000002e010000220000000000000022fefd") + bytes(34)
HOSTILE = [
    b"",
    b"\x00",
    b"\x80",
    bytes(12),
    b"\x16" * 12,
    CLIENT_HELLO,
    b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x01\x00",  # a DTLS close_notify
    b"\x80\x00" + os.urandom(60),  # RTP
    b"\x80\xc8" + os.urandom(60),  # RTCP
    b"\xbf\xff" + os.urandom(300),
    b"\x00\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12),  # a check without credentials
    b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + os.urandom(24),
    b"\x00\x01\xff\xff\x21\x12\xa4\x42" + os.urandom(12),
    b"\x00\x01\x00\x08\x21\x12\xa4\x42" + os.urandom(12) + b"\x00\x20\x00\x01\x00\x00\x00\x00",
    os.urandom(1400),
    os.urandom(9000),
]


async def flood(port: int, rounds: int) -> None:
    """Three source addresses, each sending every hostile datagram."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for number, sock in enumerate(socks):
        sock.bind((f"127.0.0.{number + 1}", 0))
    try:
        for _ in range(rounds):
            for sock in socks:
                for data in HOSTILE:
                    sock.sendto(data, ("127.0.0.1", port))
            await asyncio.sleep(0)
    finally:
        for sock in socks:
            sock.close()


@pytest.mark.timeout(1800 if SOAK else 120)
async def test_a_call_is_set_up_and_lives_through_hostile_datagrams() -> None:
    log: list[Signal] = []
    alice, a = Phone(440), Peer(CONFIG, log.append)
    try:
        answer = await a.answer(await alice.offer())
        agent: IceAgent = next(iter(a._transports.values())).agent
        port = agent.candidate.port
        await flood(port, 20)
        await alice.take(answer)
        await flood(port, 20)
        await until(lambda: a.port.up, 3, "connecting")
        a.port.hears(a.port)
        await until(lambda: alice.hears(440), what="the echo")
        alice.longest_gap = 0.0
        transport = a.port.transports[0]
        for _ in range(MIDCALL // (5 * 3 * len(HOSTILE))):
            await flood(port, 5)
            await asyncio.sleep(0.04)
        assert alice.hears(440) and alice.longest_gap < 1.0
        assert not any(isinstance(signal, Failed) for signal in log)
        assert transport.refused == 0, "foreign SRTP reached the cipher"
        assert transport.path.dropped > 1000
        assert transport.pipe._queue.empty()
    finally:
        await a.close()
        await alice.close()


async def test_a_stranger_at_the_right_address_is_stopped_by_the_cipher() -> None:
    """Datagrams with a forged source (here: the device's own socket) fail to authenticate."""
    log: list[Signal] = []
    alice, a = Phone(440), Peer(CONFIG, log.append)
    try:
        await alice.take(await a.answer(await alice.offer()))
        await until(lambda: a.port.up, what="connecting")
        a.port.hears(a.port)
        await until(lambda: alice.hears(440), what="the echo")
        ice = alice.pc.getSenders()[0].transport.transport._connection
        for number in range(200):
            await ice.send(b"\x80\x60" + struct.pack("!HII", number, number * 960, 7) + os.urandom(60))
            await ice.send(b"\x16\xfe\xfd" + os.urandom(40))
        await until(lambda: a.port.transports[0].refused >= 200, what="refusals")
        assert len(a.port.transports[0].streams) == 1 and alice.hears(440)
        assert not any(isinstance(signal, Failed) for signal in log)
    finally:
        await a.close()
        await alice.close()
