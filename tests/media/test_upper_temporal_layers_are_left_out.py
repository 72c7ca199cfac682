"""A link that is too small for the smallest quality gets fewer pictures of it, and misses none (RFC 7741)."""

from __future__ import annotations

import random
import struct

import pytest

from calling.media.rtp.header import payload_offset, vp8, vp9_layer
from calling.media.rtp.layer_choice import Picture, Quality, thinned
from calling.media.rtp.temporal_layers import ALL, Gaps, Thinning
from calling.sdp.model import Codec
from tests.media.test_layers_become_one_stream import VP8, by_hand, is_one_stream, leg, line

VP9 = Codec("VP9", 90000, 1, 98)
PATTERN = (0, 2, 1, 2)  # of three temporal layers


def packet(
    sequence: int, picture: int, layer: int, *, sync: bool = False, begins: bool = True, key: bool = False
) -> bytes:
    stamp = picture * 3000 & 0xFFFFFFFF
    number = picture & 0x7FFF
    descriptor = bytes(
        (0x90 if begins else 0x80, 0xE0, 0x80 | number >> 8, number & 0xFF, picture // 4 & 0xFF)
    )
    descriptor += bytes((layer << 6 | sync << 5,))
    body = (b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" if key else b"\x11\x02\x00") + bytes(80)
    return (
        struct.pack("!BBHII", 0x80, 96 | (0 if begins else 0x80), sequence & 0xFFFF, stamp, 1000)
        + descriptor
        + body
    )


def run(first: int, pictures: range, *, sync: bool = True) -> list[bytes]:
    """Two packets of each picture."""
    found = []
    for number, picture in enumerate(pictures):
        layer = PATTERN[picture % 4]
        for part in (0, 1):
            sequence = first + 2 * number + part
            found.append(
                packet(sequence, picture, layer, sync=sync, begins=not part, key=not picture and not part)
            )
    return found


@pytest.mark.parametrize("seed", range(20))
def test_gaps_close_and_open_again_for_every_number(seed: int) -> None:
    chance, gaps = random.Random(seed), Gaps(0x10000)
    first = chance.randrange(0x10000)
    sent: dict[int, int] = {}
    for step in range(400):
        number = (first + step) & 0xFFFF
        if chance.random() < 0.4:
            gaps.leave_out(number)
        else:
            sent[number] = (number - gaps.before(number)) & 0xFFFF
    out = list(sent.values())
    assert [(each - out[0]) & 0xFFFF for each in out] == list(range(len(out)))
    for number, new in sent.items():
        assert (number - gaps.before(number)) & 0xFFFF == new, "also when it comes late"
        assert gaps.original(new) == number


@pytest.mark.parametrize(("limit", "layers"), [(0, {0}), (1, {0, 1}), (2, {0, 1, 2}), (ALL, {0, 1, 2})])
async def test_a_viewer_gets_the_lower_layers_as_one_stream(limit: int, layers: set[int]) -> None:
    alice, uplink = leg(line(0, sends=False))
    bob, downlink = leg(line(0, sends=True))
    by_hand(bob)
    try:
        bob.set_video_source(alice)
        for data in run(65000, range(8)):
            uplink.take(data)
        assert bob.video_out.tells_temporal_layers()
        bob.video_out.limit_temporal_layers(limit)
        before = len(downlink.sent)
        for data in run(65016, range(8, 400)):
            uplink.take(data)
        found = set()
        for data in downlink.sent[before:]:
            read = vp8(memoryview(data), payload_offset(memoryview(data), len(data)) or 0, len(data))
            assert read is not None
            found.add(read.layer)
        assert found == layers
        bob.video_out.limit_temporal_layers(ALL)
        before = len(downlink.sent)
        for data in run(65800, range(400, 420)):
            uplink.take(data)
        assert len(downlink.sent) - before == 40, "all of them again"
        is_one_stream(downlink.sent, bob.video_out.outgoing.ssrc)
        assert limit == ALL or bob.video_out.rewriter.thinning is None
    finally:
        alice.detach_all()
        bob.detach_all()


async def test_a_packet_that_is_asked_for_again_is_the_right_one() -> None:
    alice, uplink = leg(line(0, sends=False))
    bob, downlink = leg(line(0, sends=True))
    by_hand(bob)
    bob.video_out.line.rtx = {}  # type: ignore[union-attr]
    try:
        bob.set_video_source(alice)
        for data in run(100, range(4)):
            uplink.take(data)
        bob.video_out.limit_temporal_layers(0)
        for data in run(108, range(4, 60)):
            uplink.take(data)
        wanted = downlink.sent[-6:]
        numbers = tuple(struct.unpack_from("!H", data, 2)[0] for data in wanted)
        del downlink.sent[:]
        bob.video_out.resend(numbers)
        assert downlink.sent == wanted
    finally:
        alice.detach_all()
        bob.detach_all()


def test_an_upper_layer_is_entered_only_where_it_may_be() -> None:
    thin = Thinning(0)
    for data in run(0, range(8)):
        thin.takes(VP8, memoryview(bytearray(data)), len(data), struct.unpack_from("!H", data, 2)[0])
    thin.limit = ALL
    for data in run(16, range(8, 16), sync=False):
        taken = thin.takes(VP8, memoryview(bytearray(data)), len(data), struct.unpack_from("!H", data, 2)[0])
        assert taken is (data[17] >> 6 == 0)
    assert not thin.over


def test_vp9_says_its_layers_too_and_its_picture_ids_stay() -> None:
    def vp9(sequence: int, layer: int) -> bytearray:
        head = struct.pack("!BBHII", 0x80, 98, sequence, sequence, 1)
        return bytearray(
            head + bytes((0xA8, 0x80 | sequence >> 8, sequence, layer << 5 | 0x10, 0)) + bytes(20)
        )

    assert vp9_layer(memoryview(vp9(5, 2)), 12, 30) == (2, True, True)
    thin, taken = Thinning(1), []
    for sequence in range(40):
        data = vp9(sequence, PATTERN[sequence % 4])
        before = bytes(data)
        if thin.takes(VP9, memoryview(data), len(data), sequence):
            taken.append(PATTERN[sequence % 4])
        assert data == before
    assert taken == [0, 1] * 10


@pytest.mark.parametrize(
    ("rates", "budget", "limits"),
    [
        ([150e3], 200e3, [None]),
        ([150e3], 100e3, [1]),
        ([150e3], 70e3, [0]),
        ([150e3], 0, [0]),
        ([150e3] * 3, 400e3, [None, None, 1]),
        ([150e3] * 3, 300e3, [1, 1, 1]),
        ([150e3] * 3, 250e3, [1, 1, 0]),
    ],
)  # fmt: skip
def test_the_last_picture_is_thinned_out_first(
    rates: list[float], budget: float, limits: list[int | None]
) -> None:
    pictures = [Picture((Quality(320, rate), Quality(640, 4 * rate))) for rate in rates]
    assert thinned(pictures, [0] * len(rates), budget) == tuple(limits)
