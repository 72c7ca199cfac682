"""Several video lines: each gets one other member's picture; the first follows the active speaker."""

from __future__ import annotations

from calling.media.mixing.mixer import Mixer
from calling.media.rtp.bitrate import CEILING, FLOOR, START, BitrateLimit
from tests.media.phones import Phone, joined
from tests.support.wait import until


async def test_a_device_with_three_lines_sees_the_three_others() -> None:
    alice = Phone(400, grey=30)
    for _ in range(2):
        alice.pc.addTransceiver("video", direction="recvonly")
    others = [Phone(650, grey=80), Phone(900, grey=120), Phone(1250, grey=160)]
    async with joined(alice, *others) as (a, b, c, d):
        assert len(a.port.more_video) == 2
        room = Mixer()
        for number, peer in enumerate((a, b, c, d)):
            room.join(peer.port, str(number))
        senders = a.port.senders()[1:]
        await until(lambda: all(sender.outgoing.packets > 10 for sender in senders), 15, "three pictures")
        assert {sender.source for sender in senders} == {b.port.video_in, c.port.video_in, d.port.video_in}
        assert len({sender.outgoing.ssrc for sender in senders}) == 3
        room.close()


def test_a_source_may_grow_until_its_best_viewer_is_congested() -> None:
    limit = BitrateLimit()
    assert limit.update(300e3, 0.0, []) > START
    for _ in range(20):
        limit.update(1e6, 0.0, [(1_500_000, 1e6)])
    assert limit.limit == CEILING
    assert limit.update(1e6, 0.0, [(700_000, 1e6)]) == 700_000
    assert limit.update(1e6, 0.0, [(300_000, 1e6), (900_000, 1e6)]) <= 900_000
    for _ in range(30):
        limit.update(200e3, 0.5, [])
    assert limit.limit == FLOOR
