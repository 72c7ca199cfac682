"""RED (RFC 2198): what a packet carries of those before it replaces what was lost, each packet once."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.codecs.opus import OpusDecoder, OpusEncoder
from calling.media.rtp.header import FIELDS, FIELDS_AT, payload_offset
from calling.media.rtp.packet_history import PICTURES_KEPT
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.red import Arrivals, Block, Redundancy, blocks, written
from calling.media.rtp.sender import RtpSender
from calling.sdp import model, negotiation
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver, redundancy, with_redundancy
from tests.media.phones import CONFIG
from tests.media.test_chromium_hears_and_sees import browser
from tests.media.test_lost_packets_are_repaired import make_lossy
from tests.support.wait import until

OPUS, RED = 111, 63
SILK_20 = 0x48  # the first byte of an Opus packet of 20 ms


def payload(number: int) -> bytes:
    return bytes((SILK_20,)) + number.to_bytes(4, "big") * 10


class Ear:
    """A tap that notes (sequence, timestamp, payload)."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, bytes]] = []

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        assert codec.pt == OPUS
        self.heard.append((sequence, timestamp, bytes(payload)))


def line(red: bool = True) -> Transceiver:
    return Transceiver(
        "audio", 0, "0", True, True,
        codecs=[Codec("opus", 48000, 2, OPUS)], events={48000: 110}, red={OPUS: RED} if red else {},
    )  # fmt: skip


def listening() -> tuple[RtpReceiver, Ear]:
    receiver, ear = RtpReceiver("audio"), Ear()
    receiver.bind(line(), None)
    receiver.tap(ear)
    return receiver, ear


def come(stream: RtpReceiveStream, sequence: int, pt: int, body: bytes, extension: bool = True) -> None:
    """One packet with timestamp 960 × sequence."""
    buffer = PacketBuffer()
    head = 20 if extension else 12
    buffer.view[0] = 0x90 if extension else 0x80
    if extension:
        buffer.view[12:20] = bytes.fromhex("bede000110850000")
    stamp = sequence * 960 & 0xFFFFFFFF
    FIELDS.pack_into(buffer.view, FIELDS_AT, pt, sequence & 0xFFFF, stamp, 7)
    buffer.view[head : head + len(body)] = body
    stream.receive(buffer, head + len(body), pt, sequence & 0xFFFF, stamp)


def redundant(number: int, distance: int) -> bytes:
    past = [(960 * age, payload(number - age)) for age in range(distance, 0, -1)]
    return written(OPUS, payload(number), past)


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_every_packet_is_heard_once_and_in_order_as_long_as_gaps_are_no_longer_than_the_redundancy(
    distance: int, seed: int
) -> None:
    chance, begin = random.Random(seed), 65500  # the numbers wrap on the way
    receiver, ear = listening()
    stream = receiver.stream(7, begin, RED)
    lost = gap = 0
    for number in range(begin, begin + 500):
        gap = gap + 1 if number > begin and gap < distance and chance.random() < 0.5 else 0
        lost += gap > 0
        if not gap:
            come(stream, number, RED, redundant(number, distance), extension=chance.random() < 0.5)
    last = ear.heard[-1][0]
    numbers = [begin + at for at in range((last - begin) % 65536 + 1)]
    assert ear.heard == [(n & 0xFFFF, n * 960 & 0xFFFFFFFF, payload(n)) for n in numbers]
    assert lost > 50 and stream.recovered >= lost - distance
    assert stream.lost >= lost - distance, "reports tell what the network lost"


def test_a_packet_that_comes_after_its_copy_is_not_heard_again() -> None:
    receiver, ear = listening()
    stream = receiver.stream(7, 10, RED)
    for number in (10, 12, 11, 13, 12):
        come(stream, number, RED, redundant(number, 1))
    assert [sequence for sequence, _, _ in ear.heard] == [10, 11, 12, 13]


def test_a_stream_that_ends_its_redundancy_goes_on_and_a_digit_in_between_keeps_its_number() -> None:
    receiver, ear = listening()
    stream = receiver.stream(7, 10, RED)
    come(stream, 10, RED, redundant(10, 1))
    come(stream, 11, 110, bytes((5, 10, 0, 160)))
    come(stream, 12, RED, redundant(12, 1))  # its copy of 11 must not go out under the digit's number
    come(stream, 13, OPUS, payload(13))
    come(stream, 15, RED, redundant(15, 1))
    assert [sequence for sequence, _, _ in ear.heard] == [10, 12, 13, 14, 15]


def test_a_source_whose_numbers_begin_anew_is_heard_at_once() -> None:
    receiver, ear = listening()
    stream = receiver.stream(7, 40000, RED)
    for number in (40000, 40001, 9, 10, 11):
        come(stream, number, RED, redundant(number, 1))
    assert [sequence for sequence, _, _ in ear.heard][-2:] == [10, 11]


def test_a_copy_whose_place_and_time_disagree_is_left_alone() -> None:
    receiver, ear = listening()
    stream = receiver.stream(7, 10, RED)
    come(stream, 10, RED, redundant(10, 1))
    come(stream, 12, RED, written(OPUS, payload(12), [(1920, payload(10))]))
    assert [sequence for sequence, _, _ in ear.heard] == [10, 12]


def test_malformed_payloads_and_other_formats_inside_are_dropped_alone(seed: int) -> None:
    whole = redundant(9, 2)
    assert blocks(memoryview(whole)) is not None
    assert all(blocks(memoryview(whole[:size])) is None for size in range(9 + 2 * len(payload(9)) + 1))
    chance = random.Random(seed)
    receiver, ear = listening()
    stream = receiver.stream(7, 10, RED)
    for number in range(10, 3000):
        body = bytearray(redundant(number, 2))
        for _ in range(4):
            body[chance.randrange(len(body))] = chance.randrange(256)
        come(stream, number, RED, bytes(body[: chance.randrange(len(body) + 1)]))
    come(stream, 3001, RED, written(0, payload(3001), ()))  # PCMU in it was never agreed
    assert 3001 not in [sequence for sequence, _, _ in ear.heard]
    come(stream, 3002, RED, redundant(3002, 1))
    assert ear.heard[-1][2] == payload(3002)


def test_what_is_written_reads_back_and_what_does_not_fit_is_left_out() -> None:
    past = [(1920, b"old"), (960, b"newer")]
    found = blocks(memoryview(written(OPUS, b"now", past)))
    assert found == [Block(OPUS, 1920, 9, 12), Block(OPUS, 960, 12, 17), Block(OPUS, 0, 17, 20)]
    for unfit in ((20000, b"too old"), (960, b"x" * 1024), (960, b""), (960, b"y" * 1000)):
        size = 600 if unfit[1][:1] == b"y" else 3
        assert written(OPUS, b"n" * size, [unfit]) == bytes((OPUS,)) + b"n" * size


def test_arrivals_know_the_last_packets_and_nothing_older() -> None:
    came = Arrivals()
    assert [came.is_new(n) for n in (100, 101, 100, 103, 102, 103, 102)] == [
        True, True, False, True, True, False, False,
    ]  # fmt: skip
    assert came.is_new(5000) and not came.is_new(103)


def test_redundancy_follows_the_loss_that_is_reported() -> None:
    told = Redundancy()
    assert [told.reported(loss) for loss in (0, 0.01, 0.03, 0.1, 0.03, 0.2)] == [0, 0, 1, 2, 2, 4]
    assert [told.reported(0.0) for _ in range(5)] == [4, 4, 4, 4, 0]


@pytest.mark.parametrize(("repair_rtt", "distance"), [(None, 2), (0.081, 2), (0.08, 0), (0.0, 0)])
def test_who_gets_what_it_asks_for_in_time_gets_no_redundancy(
    repair_rtt: float | None, distance: int
) -> None:
    assert Redundancy().reported(0.1, repair_rtt) == distance


@pytest.mark.parametrize("first", [10, 65533])
def test_only_numbers_behind_the_last_with_redundancy_went_out_alone(first: int) -> None:
    told = Redundancy()
    numbers = tuple((first + n) & 0xFFFF for n in range(8))
    assert tuple(told.sent_alone(numbers)) == numbers, "none has carried any"
    told.reported(0.03)
    for n in (0, 2, 1, 2):  # one comes late, one twice
        told.payload(self_made, payload(n), OPUS, n * 960, numbers[n])
    assert tuple(told.sent_alone(numbers)) == numbers[3:]
    told.expire((numbers[2] + PICTURES_KEPT) & 0xFFFF)
    assert tuple(told.sent_alone(numbers)) == numbers[3:]
    told.expire((numbers[2] + PICTURES_KEPT + 1) & 0xFFFF)
    assert told.last is None, "or the number would mean another packet once all have been used"


class Wire:
    """An unprotected transport that keeps what is sent."""

    def __init__(self) -> None:
        self.tx, self.ready, self.sent = object(), True, list[bytes]()
        self.forwarder = None

    def protect(self, tx: object, data: object, length: object) -> int:
        return 0

    def send(self, data: memoryview) -> None:
        self.sent.append(bytes(data))


@pytest.mark.parametrize("relayed", [True, False])
@pytest.mark.parametrize("takes", [True, False])
def test_a_listener_that_reports_loss_and_takes_red_gets_each_payload_again(
    relayed: bool, takes: bool
) -> None:
    sender, wire = RtpSender("audio"), Wire()
    sender.bind(line(takes), wire)  # type: ignore[arg-type]
    receiver = RtpReceiver("audio")
    receiver.bind(line(), None)
    sender.attach_source(receiver)
    stream = receiver.stream(7, 10, OPUS)
    for number in range(10, 30):
        if number in (15, 20):
            sender.reported(0.05 if number == 15 else 0.2)
        if relayed:
            come(stream, number, OPUS, payload(number))
        else:
            sender.push(self_made, payload(number), OPUS, 960)
    kinds = [packet[1] & 0x7F for packet in wire.sent]
    assert kinds == [OPUS] * 5 + [RED if takes else OPUS] * 15
    # A second platform reads it back whole where every third packet is lost.
    other, ear = listening()
    first = int.from_bytes(wire.sent[0][2:4], "big")
    far = other.stream(8, first, OPUS)
    for at, packet in enumerate(wire.sent):
        if takes and at > 6 and at % 3 == 0:
            continue
        buffer = PacketBuffer()
        buffer.view[: len(packet)] = packet
        mark, sequence, stamp, _ = FIELDS.unpack_from(packet, FIELDS_AT)
        assert payload_offset(buffer.view, len(packet)) in (12, 20)
        far.receive(buffer, len(packet), mark, sequence, stamp)
    assert [heard for _, _, heard in ear.heard] == [payload(number) for number in range(10, 30)]


self_made = object()


def test_opus_alone_is_agreed_redundantly_and_stands_behind_its_red() -> None:
    text = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 63 111 0 64 65\r\na=rtpmap:111 opus/48000/2\r\n"
    text += "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:64 red/8000\r\na=fmtp:64 0/0\r\n"
    text += "a=rtpmap:65 red/48000/2\r\na=fmtp:65 111/0\r\na=mid:0\r\na=sendrecv\r\n"
    section = model.read(text).sections[0]
    codecs = negotiation.choose(section, None)[0]
    assert redundancy(section, codecs) == {111: 63}
    settled = replace(negotiation.settle(None, section, True, True, None), red={111: 63})
    names = [codec.name for codec in negotiation.described(settled, "c", "s").codecs]
    assert names[:2] == ["red", "opus"]
    offered = [codec.name for codec in with_redundancy(negotiation.offered_codecs("audio", "PCMU"))]
    assert offered.index("red") + 1 == offered.index("opus")


def voice(rate: int, hertz: int, formant: int, samples: int) -> np.ndarray:
    """Pulses through a resonance: what a speech coder takes for a vowel."""
    pulses = np.zeros(samples)
    pulses[:: rate // hertz] = 1
    at = np.arange(200)
    wave = np.convolve(pulses, np.exp(-at / (rate / 8000 * 12)) * np.cos(2 * np.pi * formant * at / rate))
    return wave[:samples] / np.abs(wave).max() * 12000


def test_a_lost_frame_is_decoded_from_the_packet_after_it_where_that_has_it() -> None:
    rate, frame = 48000, 960
    wave = np.concatenate((voice(rate, 100, 500, frame * 25), voice(rate, 180, 1300, frame * 10)))
    coder = OpusEncoder(rate)
    coder.expect_loss(0.2)
    sent = [coder.encode(wave[at : at + frame].astype(np.int16)) for at in range(0, len(wave), frame)]
    guesses, told, right = OpusDecoder(rate), OpusDecoder(rate), OpusDecoder(rate)
    for payload in sent[:26]:
        for one in (guesses, told, right):
            one.decode(payload)
    true = right.decode(sent[26]).astype(float)
    guessed, decoded = guesses.conceal(frame), told.conceal(frame, sent[27])
    assert np.abs(decoded - true).mean() < 0.6 * np.abs(guessed - true).mean()
    assert len(told.conceal(frame, b"\xff\xff")) == frame, "one that cannot be read leaves the guess"


async def concealed(with_red: bool) -> float:
    """The share of bob's sound that his browser makes up while a tenth of all packets is lost, each way."""
    async with browser() as tab:
        config = replace(CONFIG, redundancy=with_red)
        a = await tab.phone("alice", 440, "red", config)
        b = await tab.phone("bob", 880, "blue", config)
        a.port.set_audio_source(b.port)
        b.port.set_audio_source(a.port)
        await tab.hears("bob", 440)
        up, down = make_lossy(a, 0.1), make_lossy(b, 0.1)
        sender = b.port.audio_out
        await until(
            lambda: sender.far_fraction > 0 and bool(sender.redundancy.distance) == with_red, 20, "reports"
        )
        before, lost = (await tab.figures("bob"))["inbound-rtp-audio"], up.lost + down.lost
        await until(lambda: up.lost + down.lost > lost + 400, 60, "loss")
        after = (await tab.figures("bob"))["inbound-rtp-audio"]
        keys = "concealedSamples", "totalSamplesReceived", "silentConcealedSamples"
        part, whole, silent = (after[key] - before[key] for key in keys)
        await tab.hears("bob", 440)
        return (part - silent) / whole


@pytest.mark.browser
@pytest.mark.family
@pytest.mark.soak_only
async def test_a_browser_that_loses_packets_makes_up_a_fraction_of_what_it_did_without_red() -> None:
    without = await concealed(False)
    for _ in range(3):  # a browser that gets no processor makes sound up, too: the best of three counts
        with_red = await concealed(True)
        print(f"\nmade up: {with_red:.1%} with RED, {without:.1%} without", end=" ")
        if with_red < without / 2:
            break
    assert with_red < without / 2
