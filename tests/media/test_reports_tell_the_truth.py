"""RFC 3550 section 6.4: what the platform reports of a stream, and how its clock is mapped, read in clear."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import time

import pytest

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.rtp import rtcp, rtcp_reports
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG
from tests.media.test_sdp_gate_refuses_with_one_error import GOOD
from tests.support.wait import until

FIRST, COUNT, MISSING = 65500, 100, 10  # sequence numbers wrap on the way
SSRC, NTP = 7, 0x1234_5678_9ABC_DEF0


class Device:
    """A socket that speaks plain G.711 with RTCP on the same port."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.remote = ("127.0.0.1", 0)
        self.echoed: list[tuple[float, int, int]] = []  # when, sequence, timestamp
        self.reports: list[tuple[float, list[rtcp.Packet]]] = []
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)

    def offer(self) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.sock.getsockname()[1]} RTP/AVP 0\r\na=rtcp-mux\r\na=sendrecv\r\n"
        )

    def agree(self, answer: str) -> None:
        port = next(line.split()[1] for line in answer.splitlines() if line.startswith("m=audio"))
        self.remote = ("127.0.0.1", int(port))

    def _read(self) -> None:
        data = self.sock.recv(2048)
        now = time.monotonic()
        if 191 < data[1] < 224:
            self.reports.append((now, list(rtcp.parse(data))))
        else:
            _, sequence, stamp, _ = struct.unpack_from("!HHII", data)
            self.echoed.append((now, sequence, stamp))

    async def talk(self) -> None:
        begun = time.monotonic()
        for step in range(COUNT):
            await asyncio.sleep(max(0.0, begun + step * 0.02 - time.monotonic()))
            if step % MISSING != 5:
                head = struct.pack("!BBHII", 128, 0, (FIRST + step) & 0xFFFF, 4000 + step * 160, SSRC)
                self.sock.sendto(head + bytes(160), self.remote)
            if step == COUNT // 2:
                self.sock.sendto(rtcp.sender_report(SSRC, NTP, 4000 + step * 160, 1, 1, []), self.remote)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        self.sock.close()


async def test_reports_count_losses_over_a_wrap_and_map_the_senders_clock() -> None:
    device, peer = Device(), PlainRtpPeer(CONFIG)
    try:
        device.agree(await peer.answer(device.offer()))
        peer.port.set_audio_source(peer.port)
        await device.talk()
        told = len(device.reports)
        await until(lambda: len(device.reports) > told, 5, "the last report")
        at, last = device.reports[-1]
        block = next(one for one in last if isinstance(one, rtcp.Report))
        sent = COUNT - COUNT // MISSING
        assert block.ssrc == SSRC and block.lost == COUNT // MISSING
        assert block.highest == FIRST + COUNT - 1, "the wrapped number counts on"
        assert block.lsr == NTP >> 16 & 0xFFFFFFFF and 0 < block.dlsr < 65536 * 8
        assert block.jitter < 8000 * 0.5
        blocks = [one for _, report in device.reports for one in report if isinstance(one, rtcp.Report)]
        assert max(one.fraction for one in blocks) > 0.04
        info = next(one for one in last if isinstance(one, rtcp.SenderInfo))
        assert info.packets == sent == len(device.echoed) and info.octets == 160 * sent
        numbers = [sequence for _, sequence, _ in device.echoed]
        gaps = sum((b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)) + 1 - len(numbers)
        assert gaps == COUNT // MISSING, "what was lost on the way in is lost on the way out"
        # Where the timeline of the echo stands when the report says so; a stalled machine gets half a second.
        when, _, stamp = device.echoed[-1]
        ahead = ((info.rtp - stamp) & 0xFFFFFFFF) / 8000 - (at - when)
        assert abs(ahead) < 0.5
    finally:
        await peer.close()
        device.close()


PACE = {"opus": (111, 960), "pcmu": (0, 160)}


@pytest.mark.parametrize("order", [["opus", "pcmu", "opus"], ["pcmu"], ["pcmu", "opus"]])
async def test_a_device_may_send_any_agreed_format_and_change_it(
    order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SSRC stays, the clock does not: packets every 20 ms have no jitter under either. What is told of
    the leg names what came, whatever was listed first."""
    now = [1000.0]
    monkeypatch.setattr("calling.media.rtp.receive_stream.monotonic", lambda: now[0])
    peer = WebRtcPeer(CONFIG)
    try:
        await peer.answer(GOOD)
        port, number, stamp = peer.port, 0, 5000
        for name in order:
            pt, step = PACE[name]
            for _ in range(60):
                packet = struct.pack("!BBHII", 128, pt, number, stamp, SSRC) + bytes(20)
                buffer = PacketBuffer()
                buffer.view[: len(packet)] = packet
                stream = port.audio_in.stream(SSRC, number, pt)
                assert stream is not None
                stream.receive(buffer, len(packet), pt, number, stamp)
                number, stamp, now[0] = number + 1, stamp + step, now[0] + 0.02
            record, _ = rtcp_reports.QualityMeter().measure(port, now[0])
            told = record["audio"]
            assert told["codec"] == name and stream.clock == 50 * step  # type: ignore[index]
            assert told["received"]["jitter_ms"] < 0.5  # type: ignore[index]
    finally:
        await peer.close()


async def test_jitter_that_the_far_end_tells_is_in_the_clock_of_what_it_gets() -> None:
    """A device may send Opus and get G.711, as it was called by a phone: 80 units are 10 ms there."""
    peer = WebRtcPeer(CONFIG)
    try:
        await peer.answer(GOOD)
        sender, theirs = peer.port.audio_out, peer.port.audio_in
        theirs.stream(1, 0, 111)
        sender.active_source = RtpReceiveStream(7, theirs, 0, 8000)
        sender.far_jitter = 80
        record, _ = rtcp_reports.QualityMeter().measure(peer.port, 1.0)
        assert record["audio"]["sent"]["jitter_ms"] == 10.0  # type: ignore[index]
        sender.active_source, sender.far_jitter, sender.far_lost = None, 480, -3
        record, _ = rtcp_reports.QualityMeter().measure(peer.port, 1.0)
        assert record["audio"]["sent"]["lost"] == 0, "packets that came twice"  # type: ignore[index]
        assert record["audio"]["sent"]["jitter_ms"] == 10.0  # type: ignore[index]
    finally:
        await peer.close()
