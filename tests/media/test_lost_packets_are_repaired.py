"""Loss on both ways: sound goes on, lost pictures are asked for again and sent again, reports say so."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from calling.media.rtp import rtcp
from calling.media.rtp.events import Quality, Signal
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.webrtc_transport import WebRtcTransport
from tests.media.phones import CONFIG, Phone, joined
from tests.support.wait import until


class Lossy:
    """Loses a share of the RTP packets of a transport each way; everything else passes.

    They are lost in Python, so nothing of this leg goes through the forwarding loop.
    """

    def __init__(self, transport: WebRtcTransport, share: float) -> None:
        self._buffer, self._share = transport.buffer, share
        self._chance = random.Random(3)
        self.lost = 0
        transport.take_back()
        transport.forwarder = None
        self._send, self._take = transport.send, transport.path.datagram
        transport.send, transport.path.datagram = self.send, self.take

    def _loses(self, data: Any) -> bool:
        if 127 < data[0] < 192 and not 191 < data[1] < 224 and self._chance.random() < self._share:
            self.lost += 1
            return True
        return False

    def send(self, data: memoryview | bytes) -> None:
        if not self._loses(data):
            self._send(data)

    def take(self, size: int, address: tuple[Any, ...]) -> None:
        if not self._loses(self._buffer.view):
            self._take(size, address)


def make_lossy(peer: WebRtcPeer, share: float) -> Lossy:
    return Lossy(peer.port.transports[0], share)


async def test_five_percent_loss_each_way_leaves_the_picture_moving_and_the_sound_clear() -> None:
    alice, bob = Phone(440, grey=90), Phone(880, grey=150)
    async with joined(alice, bob) as (a, b):
        losses = make_lossy(a, 0.05), make_lossy(b, 0.05)
        a.port.set_audio_source(b.port)
        a.port.set_video_source(b.port)
        b.port.set_audio_source(a.port)
        b.port.set_video_source(a.port)
        await until(lambda: alice.frames > 150, 15, "pictures")
        stream = b.port.video_in.current()
        assert stream is not None
        assert all(loss.lost > 10 for loss in losses)
        assert stream.recovered > 0 and stream.lost <= 3, "what was lost on the way in was asked for again"
        assert a.port.video_out.retransmission.resent > 0, "what alice lost was sent to her again"
        assert alice.hears(880) and bob.hears(440)


async def test_quality_is_measured_and_grows_bad_with_loss() -> None:
    log: list[Signal] = []
    config = replace(CONFIG, stats_seconds=1.0)
    alice, a = Phone(440, codec="PCMU"), WebRtcPeer(config, log.append)
    try:
        await alice.take(await a.answer(await alice.offer()))
        await until(lambda: a.port.up, what="connecting")
        a.port.set_audio_source(a.port)
        await until(
            lambda: [
                s for s in log if isinstance(s, Quality) and s.record["audio"]["received"]["packets"] > 30
            ]
        )
        good = [signal for signal in log if isinstance(signal, Quality)][-1]
        assert not good.bad and good.record["audio"]["codec"] == "pcmu" and good.record["audio"]["mos"] > 4
        make_lossy(a, 0.3)
        await until(lambda: isinstance(log[-1], Quality) and log[-1].bad, 10, "bad quality")
        bad = log[-1]
        assert isinstance(bad, Quality) and bad.record["audio"]["received"]["lost"] > 3
        assert bad.record["rtt_ms"] is not None and 0 <= bad.record["rtt_ms"] < 500
    finally:
        await a.close()
        await alice.close()


def test_padding_of_rtcp_asks_for_nothing() -> None:
    """RFC 3550 section 6.4.1: its last octet counts it, itself included."""
    plain = rtcp.nack(1, 7, [100, 101])
    padded = bytes([plain[0] | 0x20]) + plain[1:3] + bytes([plain[3] + 2]) + plain[4:] + bytes(7) + b"\x08"
    assert list(rtcp.parse(padded)) == list(rtcp.parse(plain)) == [rtcp.Nack(7, (100, 101))]
    for count in range(256):  # however many it says there are
        list(rtcp.parse(padded[:-1] + bytes([count])))


def test_rtcp_packets_read_back_as_written() -> None:
    data = (
        rtcp.sender_report(7, 1 << 40, 99, 3, 400, [rtcp.block(8, 64, -5, 70000, 12, 1, 2)])
        + rtcp.description(7, "name")
        + rtcp.nack(7, 8, [1, 2, 17, 18, 40, 65535])
        + rtcp.pli(7, 9)
        + rtcp.fir(7, 10, 300)
        + rtcp.remb(7, 1_234_567, [8, 9])
        + rtcp.bye([7, 8])
    )
    info, report, nack, pli, fir, remb, bye = rtcp.parse(data)
    assert info == rtcp.SenderInfo(7, 1 << 40, 99, 3, 400)
    assert report == rtcp.Report(8, 0.25, -5, 70000, 12, 1, 2)
    assert isinstance(nack, rtcp.Nack) and sorted(nack.sequences) == [1, 2, 17, 18, 40, 65535]
    assert (pli, fir) == (rtcp.KeyWanted(9), rtcp.KeyWanted(10))
    assert isinstance(remb, rtcp.Remb) and remb.ssrcs == (8, 9) and abs(remb.bitrate - 1_234_567) < 10_000
    assert bye == rtcp.Bye((7, 8))
    for size in range(len(data)):
        list(rtcp.parse(data[:size]))
    chance = random.Random(5)
    for _ in range(3000):
        mixed = bytearray(data)
        for _ in range(4):
            mixed[chance.randrange(len(mixed))] = chance.randrange(256)
        list(rtcp.parse(bytes(mixed)))
