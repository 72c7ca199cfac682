"""Layers of a picture, packet by packet: sorted by rid, sent on as one stream that nobody sees change."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from calling.media.rtp import rtcp, rtcp_reports
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.header import element, extension, payload_offset, vp8
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.receive_stream import RtpReceiveStream, monotonic
from calling.media.rtp.transport import RtpTransport
from calling.sdp.model import ABS_SEND_TIME, MID, REPAIRED_STREAM_ID, STREAM_ID, Codec
from calling.sdp.negotiation import Transceiver

VP8 = Codec("VP8", 90000, 1, 96, "", ("nack", "nack pli", "goog-remb"))
RTX = 97
SSRC = {"f": 1000, "h": 2000, "q": 3000}
WIDTH = {"f": 1280, "h": 640, "q": 320}
SIZE = {"f": 900, "h": 300, "q": 100}
FRAME = 3000  # ticks between two pictures


class Wire(RtpTransport):
    """A transport without a network: what is sent is kept."""

    def __init__(self, port: MediaPort) -> None:
        super().__init__(port)
        self.rx = self.tx = object()
        self.sent: list[bytes] = []
        self.control_sent: list[Any] = []
        self.protect = lambda session, buffer, length: 0

    def send(self, data: memoryview | bytes) -> None:
        self.sent.append(bytes(data))

    def send_control(self, data: bytes) -> None:
        self.control_sent += rtcp.parse(data)

    def take(self, packet: bytes) -> None:
        self.buffer.view[: len(packet)] = packet
        _, mark, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
        stream = self.streams.get(ssrc) or self.new_stream(ssrc, mark & 0x7F, sequence, len(packet))
        if stream is not None:
            stream.receive(self.buffer, len(packet), mark, sequence, timestamp)


def line(index: int, *layers: str, sends: bool) -> Transceiver:
    extensions = {MID: 4, ABS_SEND_TIME: 2}
    if layers:
        extensions |= {STREAM_ID: 10, REPAIRED_STREAM_ID: 11}
    made = Transceiver("video", index, str(index), sends, not sends, [VP8], extensions=extensions)
    made.rtx, made.layers = {96: RTX}, layers
    return made


def leg(*lines: Transceiver) -> tuple[MediaPort, Wire]:
    port = MediaPort(MediaConfig(), lambda signal: None)
    wire = Wire(port)
    port.set_lines(list(lines), {each.index: wire for each in lines})
    port.up = True
    return port, wire


class Camera:
    """What a browser sends of one camera: each layer with numbers and a clock of its own."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.sequence = {"f": 65500, "h": 10, "q": 30000}
        self.stamp = {"f": 5000, "h": 4_294_960_000, "q": 77}
        self.picture = {"f": 100, "h": 32760, "q": 0}
        self.tells = True  # its packets say which layer they are

    def packet(self, rid: str, *, key: bool = False, begins: bool = True, marker: bool = True) -> bytes:
        self.sequence[rid] = (self.sequence[rid] + 1) & 0xFFFF
        number = self.picture[rid] & 0x7FFF
        descriptor = bytes((0x90 if begins else 0x80, 0x80, 0x80 | number >> 8, number & 0xFF))
        head = b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", WIDTH[rid], WIDTH[rid] * 9 // 16)
        picture = (head if key else b"\x11\x02\x00") if begins else b""
        elements = element(4, b"0") + element(2, b"\x01\x02\x03")
        if self.tells:
            elements += element(10, rid.encode())
        block = struct.pack("!HH", 0xBEDE, len(elements) // 4) + elements
        stamp = self.stamp[rid] & 0xFFFFFFFF
        fields = struct.pack(
            "!BBHII", 0x90, 96 | (0x80 if marker else 0), self.sequence[rid], stamp, SSRC[rid]
        )
        return fields + block + descriptor + picture + bytes(SIZE[rid])

    def shoot(self, *rids: str, key: bool = False) -> None:
        """One picture of each of those layers, in two packets; all clocks go on."""
        for rid in rids or "qhf":
            self.wire.take(self.packet(rid, key=key, marker=False))
            self.wire.take(self.packet(rid, begins=False))
        for rid in "qhf":
            self.stamp[rid] += FRAME
            self.picture[rid] += 1

    def report(self) -> None:
        """Sender reports that map all three clocks to one."""
        for rid in "qhf":
            stream = self.wire.streams.get(SSRC[rid])
            if stream is not None:
                stream.sr_ntp, stream.sr_rtp, stream.sr_at = (
                    1 << 40,
                    self.stamp[rid] & 0xFFFFFFFF,
                    monotonic(),
                )


@pytest.fixture
async def stage() -> AsyncIterator[tuple[Camera, MediaPort, Wire, MediaPort, Wire]]:
    """A camera in three layers, its leg, and the leg of a viewer with one line."""
    alice, uplink = leg(line(0, "f", "h", "q", sends=False))
    bob, downlink = leg(line(0, sends=True))
    yield Camera(uplink), alice, uplink, bob, downlink
    for port in (alice, bob):
        port.detach_all()


def by_hand(*viewers: MediaPort) -> None:
    """The test says which layers they get."""
    for port in viewers:
        port.pictures.choose = lambda now: None  # type: ignore[method-assign]


def widths(sent: list[bytes]) -> list[int]:
    found = []
    for data in sent:
        view = memoryview(data)
        at = payload_offset(view, len(data))
        assert at is not None
        read = vp8(view, at, len(data))
        if read is not None and read.key:
            found.append(struct.unpack_from("<H", data, read.at + 6)[0] & 0x3FFF)
    return found


def is_one_stream(sent: list[bytes], ssrc: int) -> None:
    """Numbers without a gap, timestamps that grow, and picture ids that grow by one."""
    fields = [struct.unpack_from("!BBHII", data) for data in sent]
    assert {each[4] for each in fields} == {ssrc}
    assert all((b[2] - a[2]) & 0xFFFF == 1 for a, b in itertools.pairwise(fields))
    stamps = [each[3] for each in fields]
    steps = [(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(stamps)]
    assert all(step < 90000 for step in steps), steps
    pictures = []
    for data in sent:
        view = memoryview(data)
        read = vp8(view, payload_offset(view, len(data)) or 0, len(data))
        assert read is not None
        pictures.append(read.picture)
    assert all((b - a) & 0x7FFF in (0, 1) for a, b in itertools.pairwise(pictures)), pictures


async def test_a_viewer_gets_one_layer_and_the_next_from_its_key_frame_on(stage: Any) -> None:
    camera, alice, uplink, bob, downlink = stage
    by_hand(bob)
    bob.set_video_source(alice)
    camera.shoot(key=True)
    camera.report()
    layers = alice.video_in.simulcast.layers
    assert {rid: each.width for rid, each in layers.items()} == WIDTH
    assert [each.rid for each in alice.video_in.simulcast.live][-1] == "f"
    for rid in ("q", "f", "h", "q", "f"):
        alice.video_in.show_layer(bob.video_out, layers[rid])
        asked = [each for each in uplink.control_sent if isinstance(each, rtcp.KeyWanted)]
        assert asked and asked[-1].media_ssrc == SSRC[rid]
        before = len(downlink.sent)
        camera.shoot()
        assert len(downlink.sent) - before in (0, 2), "what was shown goes on until the key frame"
        camera.shoot(rid, key=True)
        camera.shoot()
        assert widths(downlink.sent)[-1] == WIDTH[rid]
        await asyncio.sleep(0.35)  # key frames are asked for three times a second
    assert widths(downlink.sent) == [WIDTH[rid] for rid in "qfhqf"]
    is_one_stream(downlink.sent, bob.video_out.outgoing.ssrc)


async def test_timestamps_of_layers_are_joined_by_the_clock_that_both_report(stage: Any) -> None:
    camera, alice, _, bob, downlink = stage
    by_hand(bob)
    bob.set_video_source(alice)
    camera.shoot(key=True)
    camera.report()
    layers = alice.video_in.simulcast.layers
    alice.video_in.show_layer(bob.video_out, layers["q"])
    camera.shoot(key=True)
    first = struct.unpack_from("!I", downlink.sent[-1], 4)[0]
    alice.video_in.show_layer(bob.video_out, layers["f"])
    await asyncio.sleep(0.05)
    camera.shoot("f", key=True)
    second = struct.unpack_from("!I", downlink.sent[-1], 4)[0]
    assert (second - first) & 0xFFFFFFFF == FRAME, "one picture later, whatever the clocks of the layers"


async def test_viewers_of_one_camera_get_different_layers(stage: Any) -> None:
    camera, alice, _, bob, downlink = stage
    carol, other = leg(line(0, sends=True))
    by_hand(bob, carol)
    for port in (bob, carol):
        port.set_video_source(alice)
    camera.shoot(key=True)
    layers = alice.video_in.simulcast.layers
    alice.video_in.show_layer(bob.video_out, layers["q"])
    alice.video_in.show_layer(carol.video_out, layers["f"])
    camera.shoot(key=True)
    del downlink.sent[:], other.sent[:]
    for _ in range(5):
        camera.shoot()
    assert [len(wire.sent) for wire in (downlink, other)] == [10, 10]
    assert max(map(len, downlink.sent)) < min(map(len, other.sent))
    carol.set_video_source(None)
    assert carol.video_out not in [each for layer in layers.values() for each in layer.viewers]
    carol.detach_all()


async def test_what_goes_out_tells_our_send_time_and_no_layer(stage: Any) -> None:
    camera, alice, _, bob, downlink = stage
    bob.set_video_source(alice)
    camera.shoot(key=True)
    camera.shoot(key=True)
    for data in downlink.sent:
        view = memoryview(data)
        assert extension(view, len(data), 10) is None
        stamp = extension(view, len(data), 2)
        assert stamp is not None and bytes(stamp) != b"\x01\x02\x03"
    carol, wire = leg(line(0, sends=False))
    bob.set_video_source(carol)  # a picture in one stream, whose times pass through as ever
    bob.on_second(monotonic())
    plain = Camera(wire)
    plain.tells = False
    plain.shoot("f", key=True)
    assert (
        bytes(extension(memoryview(downlink.sent[-1]), len(downlink.sent[-1]), 2) or b"") == b"\x01\x02\x03"
    )
    carol.detach_all()


async def test_a_stream_that_says_no_layer_is_nobodys_until_it_does(stage: Any) -> None:
    camera, alice, uplink, _, _ = stage
    camera.tells = False
    camera.shoot(key=True)
    assert not uplink.streams and not alice.video_in.streams
    camera.tells = True
    camera.shoot(key=True)
    assert set(uplink.streams) == set(SSRC.values())
    camera.tells = False  # browsers stop when they were reported on
    camera.shoot()
    assert {each.packets for each in uplink.streams.values()} == {4}


async def test_a_repair_goes_to_the_layer_that_it_names(stage: Any) -> None:
    camera, alice, uplink, bob, _ = stage
    by_hand(bob)
    bob.set_video_source(alice)
    camera.shoot(key=True)
    alice.video_in.show_layer(bob.video_out, alice.video_in.simulcast.layers["h"])
    camera.shoot(key=True)
    lost = camera.packet("h")
    camera.shoot()
    stream: RtpReceiveStream = uplink.streams[SSRC["h"]]
    missing = struct.unpack_from("!H", lost, 2)[0]
    assert missing in stream.missing
    asked = [each for each in uplink.control_sent if isinstance(each, rtcp.Nack)]
    assert asked[-1].media_ssrc == SSRC["h"] and missing in asked[-1].sequences
    at = payload_offset(memoryview(lost), len(lost)) or 0
    elements = element(4, b"0") + element(11, b"h")
    block = struct.pack("!HH", 0xBEDE, len(elements) // 4) + elements
    fields = struct.pack("!BBHII", 0x90, RTX | 0x80, 1, struct.unpack_from("!I", lost, 4)[0], 9999)
    uplink.take(fields + block + struct.pack("!H", missing) + lost[at:])
    assert missing not in stream.missing and stream.recovered == 1


async def test_nobody_asks_for_lost_packets_of_a_layer_that_nobody_sees(stage: Any) -> None:
    camera, alice, uplink, bob, _ = stage
    by_hand(bob)
    bob.set_video_source(alice)
    camera.shoot(key=True)
    alice.video_in.show_layer(bob.video_out, alice.video_in.simulcast.layers["q"])
    camera.shoot(key=True)
    camera.packet("f")
    camera.shoot()
    assert not uplink.streams[SSRC["f"]].missing


async def test_a_viewer_falls_back_when_its_layer_is_not_sent_any_more(stage: Any) -> None:
    camera, alice, _, bob, downlink = stage
    bob.set_video_source(alice)
    camera.shoot(key=True)
    alice.video_in.show_layer(bob.video_out, alice.video_in.simulcast.layers["f"])
    camera.shoot(key=True)
    assert widths(downlink.sent)[-1] == WIDTH["f"]
    for _ in range(25):
        camera.shoot("q", "h")
        await asyncio.sleep(0.03)
    assert [each.rid for each in alice.video_in.simulcast.live] == ["q", "h"]
    camera.shoot("q", "h", key=True)
    assert widths(downlink.sent)[-1] == WIDTH["h"]


async def test_an_estimate_that_falls_leads_to_a_smaller_layer_at_once(stage: Any) -> None:
    camera, alice, uplink, bob, downlink = stage
    bob.set_video_source(alice)
    camera.shoot(key=True)
    link = bob.pictures.link
    assert link is not None
    bob.pictures._counted = monotonic() - 1, 0, 0
    bob.video_out.outgoing.octets = 200_000
    link.carries(1.6e6, monotonic())
    alice.video_in.show_layer(bob.video_out, alice.video_in.simulcast.layers["f"])
    del uplink.control_sent[:]
    for layer, rate in (("f", 1.6e6), ("h", 400e3), ("q", 100e3)):
        alice.video_in.simulcast.layers[layer].rate = rate
    for bitrate in (1_900_000, 500_000):
        rtcp_reports.handle_rtcp(bob, downlink, rtcp.remb(1, bitrate, [bob.video_out.outgoing.ssrc]))
    wanted = alice.video_in.simulcast.wanted(bob.video_out)
    assert wanted is not None and wanted.rid == "h"


async def test_a_viewer_whose_link_is_congested_gets_nothing_before_the_smaller_layers_key_frame(
    stage: Any,
) -> None:
    camera, alice, _, bob, downlink = stage
    by_hand(bob)
    bob.set_video_source(alice)
    camera.shoot(key=True)
    layers = alice.video_in.simulcast.layers
    alice.video_in.show_layer(bob.video_out, layers["f"])
    camera.shoot(key=True)
    for pause, packets in ((False, 2), (True, 0)):
        alice.video_in.show_layer(bob.video_out, layers["h"], pause)
        del downlink.sent[:]
        camera.shoot()
        assert len(downlink.sent) == packets
    last = bob.video_out.outgoing.last_seq
    camera.shoot(key=True)
    assert widths(downlink.sent) == [WIDTH["h"]]
    assert struct.unpack_from("!H", downlink.sent[0], 2)[0] == (last + 1) & 0xFFFF, "numbers go on by one"


async def test_a_large_room_costs_a_viewer_one_packet_per_packet(stage: Any) -> None:
    """No copy of a packet is made for viewers that get another layer."""
    camera, alice, _, bob, _ = stage
    viewers = [leg(line(0, sends=True)) for _ in range(20)]
    by_hand(bob, *(port for port, _ in viewers))
    for port, _ in viewers:
        port.set_video_source(alice)
    camera.shoot(key=True)
    for port, _ in viewers:
        alice.video_in.show_layer(port.video_out, alice.video_in.simulcast.layers["q"])
    camera.shoot(key=True)
    relayed: list[object] = []
    relay: Callable[..., None] = viewers[0][0].video_out.relay
    viewers[0][0].video_out.relay = lambda *rest: (relayed.append(rest), relay(*rest))  # type: ignore[method-assign]
    camera.shoot()
    assert len(relayed) == 2
    for port, _ in viewers:
        port.detach_all()
