"""While Python is behind, each far end waits with one packet of sound or picture, so that the loop can take
its stream over: else every packet would go on waiting behind another one, for ever."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.loop.native import NativeLoop, library
from tests.support.wait import until

WAITING = 2048  # datagrams that may wait for Python (internal.h)
BEHIND = WAITING // 4

Ends = list[socket.socket]


@pytest.fixture
def here() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind(("127.0.0.1", 0))
        yield sock


@pytest.fixture
def loop(here: socket.socket) -> Iterator[NativeLoop]:
    found = library()
    if found is None:
        pytest.skip("there is no C compiler here")
    made = NativeLoop(found)
    made.add(here, 0)
    yield made
    made.close()


@pytest.fixture
def ends(loop: NativeLoop, here: socket.socket) -> Iterator[Ends]:
    """Far ends that are known, and that nothing is forwarded of yet."""
    made = []
    for _ in range(40):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.connect(here.getsockname())
        loop.place(0, sock.getsockname())
        made.append(sock)
    yield made
    for sock in made:
        sock.close()


def rtp(sequence: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 111, sequence & 0xFFFF, 960 * sequence, 7) + bytes(80)


def taken(loop: NativeLoop) -> Counter[int]:
    """How many packets waited of each port."""
    buffer, found = PacketBuffer(), Counter[int]()
    while loop.take(buffer)[0] >= 0:
        found[loop.source()[1][1]] += 1
    return found


async def settled(here: socket.socket) -> None:
    """Until the loop has read all that was sent."""

    def read() -> bool:
        port = f":{here.getsockname()[1]:04X}"
        lines = map(str.split, Path("/proc/net/udp").read_text().splitlines())
        waits = next(fields[4] for fields in lines if fields[1].endswith(port))
        return int(waits.partition(":")[2], 16) == 0

    await until(read, what="the loop to read")


async def test_each_far_end_waits_with_one_packet_once_python_is_behind(
    loop: NativeLoop, here: socket.socket, ends: Ends
) -> None:
    loud, quiet = ends[0], ends[1:]
    for number in range(BEHIND + 300):
        loud.send(rtp(number))
    await settled(here)
    for number in range(20):
        for each in quiet:
            each.send(rtp(number))
    await settled(here)
    found = taken(loop)
    assert BEHIND <= found.pop(loud.getsockname()[1]) <= BEHIND + 32, "a batch more at most"
    assert found == {each.getsockname()[1]: 1 for each in quiet}


async def test_nothing_is_left_out_while_python_keeps_up(
    loop: NativeLoop, here: socket.socket, ends: Ends
) -> None:
    for number in range(10):
        for each in ends:
            each.send(rtp(number))
    await settled(here)
    assert taken(loop) == {each.getsockname()[1]: 10 for each in ends}


async def test_checks_and_reports_wait_whoever_is_behind(
    loop: NativeLoop, here: socket.socket, ends: Ends
) -> None:
    for number in range(BEHIND + 100):
        ends[0].send(rtp(number))
    await settled(here)
    for _ in range(5):
        ends[0].send(struct.pack("!BBHI", 0x80, 200, 6, 7) + bytes(20))  # RTCP
        ends[0].send(struct.pack("!HHI", 1, 0, 0x2112A442) + bytes(12))  # STUN
    await settled(here)
    assert taken(loop)[ends[0].getsockname()[1]] >= BEHIND + 10
