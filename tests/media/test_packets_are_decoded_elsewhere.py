"""A leg's packets go to another process by the batch, and sound there as if they had been decoded here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import clock
from calling.media.codecs.audio_codecs import encoder
from calling.media.codecs.sent_away import PacketCollector, PacketHearer
from calling.media.codecs.track_reader import TrackReader
from calling.sdp.model import Codec
from calling.speech.frames import (
    FRAME,
    LONGEST_PAYLOAD,
    MOST_PACKETS,
    RATE,
    FrameReader,
    Packet,
    Packets,
    of_packets,
)

OPUS, PCMU = Codec("opus", 48000, 2, 111), Codec("PCMU", 8000, 1, 0)
QUIET = np.zeros(FRAME, np.int16)


class Time:
    now = 5000.0


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(clock, "monotonic", lambda: made.now)
    return made


def spoken(codec: Codec, count: int) -> Iterator[bytes]:
    """That many packets of a rising tone."""
    encode = encoder(codec.name.lower(), RATE)
    steps = np.arange(count * FRAME)
    tone = (8000 * np.sin(2 * np.pi * (300 + steps / 40) * steps / RATE)).astype(np.int16)
    return (encode.encode(tone[at : at + FRAME]) for at in range(0, len(tone), FRAME))


def across(batch: Packets) -> Packets:
    (found,) = FrameReader().feed(of_packets(batch))
    assert isinstance(found, Packets)
    return found


@pytest.mark.parametrize("codec", [OPUS, PCMU], ids=lambda codec: codec.name)
@pytest.mark.parametrize("steps", [1, 5, 50])
def test_batches_of_any_length_sound_as_they_would_here(time: Time, codec: Codec, steps: int) -> None:
    """Two packets are lost, two come in the wrong order, and the party says nothing for a while."""
    here, collector, hearer = TrackReader(RATE), PacketCollector(), PacketHearer()
    packets = {at: (at, payload) for at, payload in enumerate(spoken(codec, 200)) if at not in (20, 21)}
    packets[60], packets[61] = packets[61], packets[60]
    for at in range(100, 130):
        del packets[at]
    mine: list[np.ndarray] = []
    theirs: list[np.ndarray] = []
    for at in range(200):
        time.now += 0.01
        if at in packets:
            sequence, payload = packets[at]
            for tap in (here, collector):
                tap.packet(memoryview(payload), codec, 65500 + sequence & 0xFFFF, 0, False, None)
        time.now += 0.01
        mine.append(here.twenty())
        if (at + 1) % steps == 0:
            theirs += hearer.hear(across(collector.batch(at + 1 - steps, steps)))
    assert len(theirs) == 200
    for at, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        assert (one == other).all(), f"step {at}"
    assert np.abs(np.concatenate(theirs)).max() > 4000


def test_a_batch_that_was_dropped_is_no_loss_of_the_network(time: Time) -> None:
    collector, hearer, heard = PacketCollector(), PacketHearer(), []
    for at, payload in enumerate(spoken(PCMU, 40)):
        time.now += 0.02
        collector.packet(memoryview(payload), PCMU, at, 0, False, None)
        if at % 5 == 4:
            batch = collector.batch(at - 4, 5)
            if at != 19:
                heard += hearer.hear(batch)
    assert len(heard) == 35
    after = heard[15:]
    assert not after[0].any(), "nothing was made up for what is missing"
    assert all(np.abs(pcm).max() > 4000 for pcm in after[2:]), "and what comes then is heard"


def test_what_cannot_be_decoded_is_left_out_and_a_flood_keeps_its_end(time: Time) -> None:
    collector = PacketCollector()
    event, comfort = Codec("telephone-event", 8000, 1, 101), Codec("CN", 8000, 1, 13)
    for codec in (event, comfort):
        collector.packet(memoryview(b"\0\0\0\0"), codec, 1, 0, False, None)
    collector.packet(memoryview(bytes(LONGEST_PAYLOAD + 1)), OPUS, 2, 0, False, None)
    assert collector.batch(0, 1).packets == []
    for sequence in range(3 * MOST_PACKETS):
        collector.packet(memoryview(bytes(LONGEST_PAYLOAD)), OPUS, sequence, 0, False, None)
    found = across(collector.batch(1, 5)).packets
    assert [each.sequence for each in found] == list(range(2 * MOST_PACKETS, 3 * MOST_PACKETS))
    assert collector.batch(6, 5).packets == []


def test_packets_that_say_nonsense_are_silence(time: Time) -> None:
    hearer = PacketHearer()
    nonsense = [Packet(0, "opus", at, b"\xff" * at) for at in range(8)]
    assert all((pcm == QUIET).all() for pcm in hearer.hear(Packets(0, 12, nonsense)))
