"""NACK for Opus (RFC 4585), where the device offers it: lost sound is asked for again and sent again, each
packet is counted once, and no number ever carries two payloads."""

from __future__ import annotations

from typing import Any

import pytest

from calling.media.rtp.nack import LIVES, SOUND
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.retransmission import RESENDS_PER_SECOND
from calling.media.rtp.sender import RtpSender
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp import model, negotiation
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver
from tests.media.phones import CONFIG, Phone
from tests.media.test_redundant_sound_replaces_what_was_lost import (
    OPUS,
    RED,
    Ear,
    Wire,
    come,
    payload,
    redundant,
)
from tests.support.wait import until

SECTION = (
    "v=0\r\nm=audio 9 {} 111 0\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
    "{}a=mid:0\r\na=sendrecv\r\n"
)
ASKED = "a=rtcp-fb:111 nack\r\n"


def line(red: bool = False) -> Transceiver:
    return Transceiver(
        "audio", 0, "0", True, True,
        codecs=[Codec("opus", 48000, 2, OPUS, "", ("nack",))], red={OPUS: RED} if red else {},
    )  # fmt: skip


class Device:
    """The way back to a device: what it is asked for, at the time that the test tells."""

    forwarder = None

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[list[int]] = []

    def request_keyframe(self, line: Transceiver, ssrc: int) -> None:
        raise AssertionError("sound has no key frames")

    def send_nack(self, line: Transceiver, stream: RtpReceiveStream, now: float) -> None:
        wanted = stream.missing.due(stream.top, self.now, rtt=0.02)
        if wanted:
            self.asked.append(sorted(wanted))


def heard_by(red: bool = False) -> tuple[Device, RtpReceiver, Ear]:
    device, receiver, ear = Device(), RtpReceiver("audio"), Ear()
    receiver.bind(line(red), device)
    receiver.tap(ear)
    return device, receiver, ear


def test_what_is_missing_is_asked_for_at_once_and_again_a_few_times() -> None:
    device, receiver, ear = heard_by()
    stream = receiver.stream(7, 10, OPUS)
    assert stream is not None
    for number in (10, 11, 14):
        come(stream, number, OPUS, payload(number))
    assert device.asked == [[12, 13]]
    come(stream, 12, OPUS, payload(12))
    assert (stream.packets, stream.lost, stream.recovered) == (4, 1, 1)
    for _ in range(10):
        device.now += 0.03
        device.send_nack(line(), stream, device.now)
    assert device.asked == [[12, 13]] + [[13]] * (SOUND.tries - 1) and stream.missing, "the last may come yet"
    device.now += LIVES
    device.send_nack(line(), stream, device.now)
    assert len(device.asked) == SOUND.tries and not stream.missing
    assert [sequence for sequence, _, _ in ear.heard] == [10, 11, 14, 12]


def test_what_came_late_because_it_was_asked_for_is_no_jitter() -> None:
    _, receiver, _ = heard_by()
    stream = receiver.stream(7, 10, OPUS)
    assert stream is not None
    for number in (10, 11, 13):
        come(stream, number, OPUS, payload(number))
    before = stream.jitter, stream.transit
    come(stream, 12, OPUS, payload(12))
    assert (stream.jitter, stream.transit) == before


def test_what_the_next_packet_brings_again_is_not_asked_for() -> None:
    device, receiver, ear = heard_by(red=True)
    stream = receiver.stream(7, 10, RED)
    assert stream is not None
    for number in (10, 12, 15):  # each brings the one before it
        come(stream, number, RED, redundant(number, 1))
    assert device.asked == [[13]]
    come(stream, 13, RED, redundant(13, 1))
    assert [sequence for sequence, _, _ in ear.heard] == [10, 11, 12, 14, 15, 13]
    assert stream.lost == 2, "reports tell what no packet of its own brought"


def test_a_long_gap_is_a_pause_and_what_is_too_old_is_given_up() -> None:
    device, receiver, _ = heard_by()
    stream = receiver.stream(7, 10, OPUS)
    assert stream is not None
    come(stream, 10, OPUS, payload(10))
    come(stream, 11 + SOUND.gap, OPUS, payload(1))
    assert device.asked == []
    come(stream, 13 + SOUND.gap, OPUS, payload(2))
    for number in range(14 + SOUND.gap, 14 + 2 * SOUND.gap):
        come(stream, number, OPUS, payload(number))
    device.now += 1
    device.send_nack(line(), stream, device.now)
    assert device.asked == [[12 + SOUND.gap]]


def listened_to(red: bool = False) -> tuple[RtpSender, Wire, RtpReceiveStream]:
    sender, wire, receiver = RtpSender("audio"), Wire(), RtpReceiver("audio")
    sender.bind(line(red), wire)  # type: ignore[arg-type]
    receiver.bind(line(red), None)
    sender.attach_source(receiver)
    stream = receiver.stream(7, 10, OPUS)
    assert stream is not None
    return sender, wire, stream


def number_of(packet: bytes) -> int:
    return int.from_bytes(packet[2:4], "big")


def test_a_listener_gets_the_same_bytes_again() -> None:
    sender, wire, stream = listened_to()
    come(stream, 10, OPUS, payload(10))
    sender.resend((number_of(wire.sent[0]),))  # nothing was kept until somebody asked
    assert len(wire.sent) == 1
    for number in range(11, 20):
        come(stream, number, OPUS, payload(number))
    lost = wire.sent[5]
    sender.resend((number_of(lost),))
    assert wire.sent[-1] == lost and len(wire.sent) == 11
    assert sender.retransmission.resent == 1 and sender.outgoing.packets == 10, (
        "what is sent again counts by itself"
    )


def test_a_number_that_carried_redundancy_is_not_sent_with_another_payload() -> None:
    sender, wire, stream = listened_to(red=True)
    come(stream, 10, OPUS, payload(10))
    sender.resend((number_of(wire.sent[0]),))
    sender.reported(0.05)
    for number in range(11, 16):
        come(stream, number, OPUS, payload(number))
    for _ in range(5):
        sender.reported(0.0)
    for number in range(16, 20):
        come(stream, number, OPUS, payload(number))
    assert [packet[1] & 0x7F for packet in wire.sent] == [OPUS] + [RED] * 5 + [OPUS] * 4
    sent = list(wire.sent)
    sender.resend(tuple(number_of(packet) for packet in sent))
    assert wire.sent[10:] == sent[6:]


@pytest.mark.parametrize(("rtt", "kind"), [(None, RED), (0.03, OPUS), (0.2, RED)])
def test_a_listener_that_asks_in_time_gets_no_redundancy(rtt: float | None, kind: int) -> None:
    sender, wire, stream = listened_to(red=True)
    come(stream, 10, OPUS, payload(10))
    sender.rtt = rtt
    sender.reported(0.2)
    come(stream, 11, OPUS, payload(11))
    assert wire.sent[-1][1] & 0x7F == kind


def test_a_listener_of_what_the_platform_makes_gets_redundancy_though_it_asks() -> None:
    sender, wire, _ = listened_to(red=True)
    player = object()
    sender.push(player, payload(1), OPUS, 960)
    sender.rtt = 0.03
    sender.reported(0.2)
    sender.push(player, payload(2), OPUS, 960)
    assert [packet[1] & 0x7F for packet in wire.sent] == [OPUS, RED]


def test_sound_that_was_muted_is_not_sent_again() -> None:
    sender, wire, stream = listened_to()
    stream.keep_sound()
    come(stream, 10, OPUS, payload(10))
    stream.receiver.mute(True)
    come(stream, 11, OPUS, payload(11))
    stream.receiver.mute(False)
    come(stream, 12, OPUS, payload(12))
    first = number_of(wire.sent[0])
    sender.resend(tuple((first + step) & 0xFFFF for step in range(-5, 6)))
    assert not any(payload(11) in packet for packet in wire.sent)


def test_a_flood_of_requests_is_answered_up_to_a_limit() -> None:
    sender, wire, stream = listened_to()
    stream.keep_sound()
    for number in range(10, 70):
        come(stream, number, OPUS, payload(number))
    numbers = tuple(number_of(packet) for packet in wire.sent)
    for _ in range(1000):
        sender.resend(numbers)
    assert len(wire.sent) == 60 + RESENDS_PER_SECOND["audio"]
    sender.on_second()
    sender.resend(numbers[-1:])
    assert len(wire.sent) == 61 + RESENDS_PER_SECOND["audio"]


@pytest.mark.parametrize(
    ("profile", "offered", "agreed"),
    [("UDP/TLS/RTP/SAVPF", ASKED, True), ("UDP/TLS/RTP/SAVPF", "", False), ("RTP/AVP", ASKED, False)],
)
def test_it_is_agreed_exactly_where_it_was_offered(profile: str, offered: str, agreed: bool) -> None:
    section = model.read(SECTION.format(profile, offered)).sections[0]
    settled = negotiation.settle(None, section, True, True, None)
    opus = negotiation.described(settled, "c", "s").codecs[0]
    assert opus.feedback == (("nack",) if agreed else ())
    receiver = RtpReceiver("audio")
    receiver.bind(settled, None)
    assert receiver.nacks is agreed
    assert all(not codec.feedback for codec in negotiation.offered_codecs("audio", "opus"))


def asking(sdp: str) -> str:
    opus = next(one for one in sdp.split("\r\n") if "opus/48000" in one)
    number = opus.partition(":")[2].split()[0]
    return sdp.replace(f"{opus}\r\n", f"{opus}\r\na=rtcp-fb:{number} nack\r\n")


async def test_a_bridge_repairs_what_a_phone_loses_on_its_way_here() -> None:
    alice, bob = Phone(440), Phone(880)
    a, b = WebRtcPeer(CONFIG, lambda _: None), WebRtcPeer(CONFIG, lambda _: None)
    try:
        for phone, peer in ((alice, a), (bob, b)):
            answer = await peer.answer(asking(await phone.offer()))
            assert "nack" in answer
            await phone.take(answer)
            await until(lambda peer=peer: peer.port.up, what="connecting")
        wire, seen = bob.pc.getTransceivers()[0].sender.transport, set[bytes]()
        send = wire._send_rtp

        async def lossy(data: bytes) -> None:
            number = data[2:4]
            if 191 < data[1] < 224 or number in seen or data[3] % 10:
                await send(data)
            seen.add(number)

        wire._send_rtp = lossy
        a.port.set_audio_source(b.port)

        def repaired() -> Any:
            b.port._sync()
            sound = b.port.audio_in.current()
            return sound and sound.recovered > 5 and sound.lost <= 1

        await until(repaired, 30, "repairs")
        await until(lambda: alice.hears(880), what="bob")
    finally:
        for end in (alice, bob, a, b):
            await end.close()


def test_a_ring_of_sound_is_made_by_nobody_who_does_not_ask() -> None:
    _, _, stream = listened_to()
    for number in range(10, 30):
        come(stream, number, OPUS, payload(number))
    assert stream.history is None
