"""Four devices with four tones: each hears exactly the other three, with and without mutes."""

from __future__ import annotations

import numpy as np

from calling.media.codecs.jitter_buffer import LOST, WAIT, JitterBuffer
from calling.media.mixing.active_speakers import ActiveSpeakers
from calling.media.mixing.mixer import Mixer
from tests.media.phones import Phone, joined
from tests.support.wait import until

TONES = (400.0, 650.0, 900.0, 1250.0)


def heard(phone: Phone) -> set[float]:
    """Which of the four tones are in what the phone heard last."""
    if len(phone.sound) < 30:
        return set()
    wave = np.concatenate(list(phone.sound)[-25:])
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) / len(wave)
    step = phone.rate / len(wave)
    return {
        hertz for hertz in TONES if spectrum[round(hertz / step) - 2 : round(hertz / step) + 3].max() > 150
    }


async def test_each_of_four_hears_exactly_the_other_three() -> None:
    phones = [Phone(TONES[0]), Phone(TONES[1]), Phone(TONES[2]), Phone(TONES[3], codec="PCMU")]
    async with joined(*phones) as peers:
        room = Mixer()
        members = [room.join(peer.port, str(number)) for number, peer in enumerate(peers[:3])]
        every = set(TONES[:3])
        await until(
            lambda: all(heard(p) == every - {p_t} for p, p_t in zip(phones[:3], TONES, strict=False)), 10
        )
        room.set(members[0], muted=True)
        await until(lambda: heard(phones[1]) == {TONES[2]} and heard(phones[0]) == {TONES[1], TONES[2]}, 10)
        fourth = room.join(peers[3].port, "3")
        await until(lambda: heard(phones[0]) == set(TONES[1:]), 10, "the fourth")
        await until(lambda: heard(phones[3]) == {TONES[1], TONES[2]}, 10, "what the fourth hears")
        room.set(fourth, deaf=True)
        await until(lambda: phones[3].hertz() is None, 10, "deafness")
        room.leave(members[2])
        await until(lambda: heard(phones[0]) == {TONES[1], TONES[3]}, 10, "the leaving")
        room.close()


async def test_two_members_are_joined_without_mixing() -> None:
    alice, bob = Phone(440), Phone(880)
    async with joined(alice, bob) as (a, b):
        room = Mixer()
        room.join(a.port, "a")
        room.join(b.port, "b")
        assert room.direct
        await until(lambda: alice.hears(880) and bob.hears(440), what="hearing each other")
        assert a.port.audio_out.source is b.port.audio_in
        room.close()


def test_at_most_three_talk_and_a_cough_takes_no_place() -> None:
    talkers = ActiveSpeakers()
    for who in "abcde":
        talkers.join(who)
    for _ in range(50):
        for who, level in zip("abc", (20, 22, 24), strict=True):
            talkers.level(who, level)
        talkers.level("d", 25)
        talkers.level("e", 127)
        talkers.tick()
    assert set(talkers.chosen) == set("abc")
    assert talkers.speaker in ("a", "b", "c")
    for _ in range(100):
        for who, level in zip("bcd", (22, 24, 25), strict=True):
            talkers.level(who, level)
        talkers.tick()
    assert set(talkers.chosen) == set("bcd")


def test_the_jitter_buffer_orders_conceals_and_stays_small() -> None:
    buffer = JitterBuffer(2)
    assert buffer.pull() is WAIT
    for number in (65534, 0, 65535):
        buffer.put(number, bytes([number & 255]))
    assert [buffer.pull(), buffer.pull(), buffer.pull()] == [b"\xfe", b"\xff", b"\x00"]
    assert buffer.pull() is WAIT
    for number in (2, 3, 4):
        buffer.put(number, b"x")
    assert buffer.pull() is LOST or buffer.pull() == b"x"
    for number in range(5, 400):
        buffer.put(number, b"y")
    assert len(buffer) <= 50
