"""A leg's packets come back from a speech worker under their own numbers, or go on as they came."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Collection, Iterator

import numpy as np
import pytest

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.codecs.audio_codecs import decoder, encoder
from calling.media.operations import denoising
from calling.media.operations.denoising import MOST_MISSES, Denoising
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.receiver import RtpReceiver
from calling.sdp.model import AUDIO_LEVEL, Codec
from calling.sdp.negotiation import Transceiver
from calling.speech.frames import Piece
from tests.support.wait import until

OPUS, PCMU = Codec("opus", 48000, 2, 111), Codec("PCMU", 8000, 1, 0)
EVENTS = 101
RATES = {111: 48000, 0: 8000}


class Listener:
    """A sink: what it is given, as (sequence, timestamp, payload type, payload, whole packet)."""

    def __init__(self) -> None:
        self.buffer = PacketBuffer()
        self.got: list[tuple[int, int, int, bytes, bytes]] = []

    def relay(
        self,
        stream: RtpReceiveStream,
        buffer: PacketBuffer,
        size: int,
        mark: int,
        sequence: int,
        timestamp: int,
        now: float,
    ) -> None:
        data = bytes(buffer.view[:size])
        assert struct.unpack("!BHI", data[1:8]) == (mark, sequence, timestamp)
        head = 20 if data[0] & 0x10 else 12
        self.got.append((sequence, timestamp, mark & 0x7F, data[head:], data))

    def renew(self) -> None: ...

    def layers_changed(self, now: float) -> None: ...

    def replay_digit(self, digit: str, event_types: Collection[int]) -> None: ...

    def attach_source(self, source: None) -> None: ...

    @property
    def numbers(self) -> list[int]:
        return [each[0] for each in self.got]


class Leg:
    """A receiver that a party sends to."""

    def __init__(self, codec: Codec) -> None:
        self.codec, self.rate = codec, RATES[codec.pt]
        line = Transceiver("audio", 0, None, sends=True, receives=True, codecs=[codec])
        line.extensions[AUDIO_LEVEL] = 1
        line.events[codec.clock] = EVENTS
        self.receiver = RtpReceiver("audio")
        self.receiver.bind(line, None)
        self.heard = Listener()
        self.receiver.attach(self.heard)
        self._encoder = encoder(codec.name.lower(), self.rate)
        self._buffer = PacketBuffer()

    def payload(self, milliseconds: int = 20, level: float = 8000) -> bytes:
        samples = self.rate * milliseconds // 1000
        wave = np.sin(2 * np.pi * 440 * np.arange(samples) / self.rate) * level
        return self._encoder.encode(wave.astype(np.int16))

    def send(self, sequence: int, payload: bytes, timestamp: int, *, pt: int = -1, level: int = -1) -> None:
        pt = self.codec.pt if pt < 0 else pt
        extension = struct.pack("!HHBBH", 0xBEDE, 1, 0x10, level, 0) if level >= 0 else b""
        first = 0x90 if extension else 0x80
        data = struct.pack("!BBHII", first, pt, sequence, timestamp, 77) + extension + payload
        self._buffer.view[: len(data)] = data
        stream = self.receiver.stream(77, sequence, pt)
        stream.receive(self._buffer, len(data), pt, sequence, timestamp)


class Worker:
    """What the sound is sent to. `silent`: it answers nothing."""

    def __init__(self) -> None:
        self.asked: list[Piece] = []
        self.slow = 0
        self.denoising = Denoising(self._send, self._too_slow)

    def _send(self, piece: Piece) -> bool:
        self.asked.append(Piece(piece.number, piece.rate, piece.pcm.copy()))
        return True

    def _too_slow(self) -> None:
        self.slow += 1

    def answer(self, *places: int, factor: float = 0.0) -> None:
        for at in places or range(len(self.asked)):
            piece = self.asked[at]
            made = (piece.pcm * factor).astype(np.int16)
            self.denoising.heard(Piece(piece.number, piece.rate, made))


@pytest.fixture
async def worker() -> Iterator[Worker]:
    made = Worker()
    yield made  # type: ignore[misc]
    made.denoising.attach(None)


def loud(leg: Leg, payload: bytes) -> bool:
    return float(np.abs(decoder(leg.codec.name.lower(), leg.rate).decode(payload)).max()) > 2000


@pytest.mark.parametrize("codec", [OPUS, PCMU])
@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
async def test_the_clean_sound_goes_on_under_the_numbers_of_the_packets(
    worker: Worker, codec: Codec, milliseconds: int
) -> None:
    leg, step = Leg(codec), codec.clock * milliseconds // 1000
    assert worker.denoising.attach(leg.receiver)
    for number in range(5):
        leg.send(65533 + number & 0xFFFF, leg.payload(milliseconds), number * step, level=20)
    assert leg.heard.got == [] and len(worker.asked) == 5
    assert {len(each.pcm) for each in worker.asked} == {leg.rate * milliseconds // 1000}
    worker.answer(0, 2, 1, 4, 3)
    assert leg.heard.numbers == [65533, 65534, 65535, 0, 1]
    assert [each[1] for each in leg.heard.got] == [number * step for number in range(5)]
    assert not any(loud(leg, each[3]) for each in leg.heard.got)
    assert {each[4][17] for each in leg.heard.got} == {127}  # the level that is told is the clean one
    assert worker.denoising.cleaned_ms == 5 * milliseconds and worker.denoising.passed_ms == 0


async def test_afterwards_packets_are_forwarded_as_they_come(worker: Worker) -> None:
    leg = Leg(OPUS)
    sent = [leg.payload() for _ in range(3)]
    leg.send(1, sent[0], 960)
    worker.denoising.attach(leg.receiver)
    leg.send(2, sent[1], 1920)
    worker.denoising.attach(None)
    leg.send(3, sent[2], 2880)
    assert leg.receiver.filter is None
    assert [(each[0], each[3]) for each in leg.heard.got] == [(1, sent[0]), (2, sent[1]), (3, sent[2])]
    worker.answer()  # too late
    assert len(leg.heard.got) == 3


async def test_what_was_lost_is_made_up_and_what_comes_late_is_left_out(worker: Worker) -> None:
    leg = Leg(PCMU)
    worker.denoising.attach(leg.receiver)
    for number in (1, 2, 5, 4, 6):
        leg.send(number, leg.payload(), number * 160)
    worker.answer(factor=1.0)
    assert leg.heard.numbers == [1, 2, 3, 4, 5, 6]
    assert [each[1] for each in leg.heard.got] == [number * 160 for number in range(1, 7)]
    assert {each[2] for each in leg.heard.got} == {0}


async def test_a_pause_of_the_sender_is_no_loss(worker: Worker) -> None:
    leg = Leg(OPUS)
    worker.denoising.attach(leg.receiver)
    leg.send(1, leg.payload(), 960)
    leg.send(2, leg.payload(), 480_000)
    leg.receiver.mute(True)
    leg.receiver.mute(False)
    leg.send(9, leg.payload(), 960_000)
    worker.answer()
    assert leg.heard.numbers == [1, 2, 9]


async def test_digits_keep_their_place_among_the_sound(worker: Worker) -> None:
    leg = Leg(PCMU)
    worker.denoising.attach(leg.receiver)
    leg.send(1, leg.payload(), 160)
    leg.send(2, bytes((5, 10, 0, 160)), 320, pt=EVENTS)
    leg.send(3, leg.payload(), 480)
    assert leg.heard.got == []
    worker.answer(0)
    assert [each[2] for each in leg.heard.got] == [0, EVENTS]
    worker.answer(1)
    assert leg.heard.numbers == [1, 2, 3]
    leg.send(4, bytes((5, 10, 1, 64)), 320, pt=EVENTS)
    assert leg.heard.numbers == [1, 2, 3, 4]  # nobody is waited for


async def test_a_muted_leg_says_nothing_that_was_away_while_it_was_muted(worker: Worker) -> None:
    leg = Leg(PCMU)
    worker.denoising.attach(leg.receiver)
    leg.send(1, leg.payload(), 160)
    leg.receiver.mute(True)
    worker.answer()
    assert leg.heard.got == []


async def test_a_payload_of_rubbish_stops_nothing(worker: Worker) -> None:
    leg = Leg(OPUS)
    worker.denoising.attach(leg.receiver)
    leg.send(1, leg.payload(), 960)
    leg.send(2, b"\xff" * 40, 1920)
    leg.send(3, leg.payload(), 2880)
    worker.answer()
    assert leg.heard.numbers == [1, 2, 3]


@pytest.mark.timing
async def test_a_worker_that_does_not_answer_costs_a_tenth_of_a_second_once(worker: Worker) -> None:
    leg = Leg(PCMU)
    worker.denoising.attach(leg.receiver)
    sent = leg.payload()
    leg.send(1, sent, 160)
    began = asyncio.get_running_loop().time()
    await until(lambda: leg.heard.numbers == [1], 1)
    assert 0.06 < asyncio.get_running_loop().time() - began < 0.2
    assert leg.heard.got[0][3] == sent and worker.denoising.passed_ms == 20
    leg.send(2, sent, 320)
    assert leg.heard.numbers == [1, 2] and len(worker.asked) == 1  # at once, and unasked


async def test_one_that_is_always_late_is_given_up(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoising, "HELD_SECONDS", 0.01)
    monkeypatch.setattr(denoising, "PASSING_SECONDS", 0.0)
    leg = Leg(PCMU)
    worker.denoising.attach(leg.receiver)
    for number in range(MOST_MISSES - 1):
        leg.send(number, leg.payload(), number * 160)
        await until(lambda number=number: number in leg.heard.numbers, 1)  # type: ignore[misc]
    assert worker.slow == 0
    leg.send(99, leg.payload(), 99 * 160)
    worker.answer(len(worker.asked) - 1)  # in time: counted anew
    for number in range(100, 100 + MOST_MISSES):
        leg.send(number, leg.payload(), number * 160)
        await until(lambda number=number: number in leg.heard.numbers, 1)  # type: ignore[misc]
    assert worker.slow == 1


async def test_a_receiver_is_denoised_by_one_alone(worker: Worker) -> None:
    leg, other = Leg(PCMU), Worker()
    assert worker.denoising.attach(leg.receiver) and worker.denoising.attach(leg.receiver)
    assert not other.denoising.attach(leg.receiver)
    worker.denoising.attach(None)
    assert other.denoising.attach(leg.receiver)
    other.denoising.attach(None)
