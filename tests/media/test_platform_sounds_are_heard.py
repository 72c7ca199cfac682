"""Music, tones and the announcement reach a device, in the codec it prefers; mixed codecs are bridged."""

from __future__ import annotations

import numpy as np

from calling.media.codecs import g711
from calling.media.codecs.opus import OpusDecoder, OpusEncoder
from calling.media.sources import tones
from tests.media.phones import Phone, joined
from tests.support.wait import until


async def test_a_phone_hears_the_tone_then_music_then_the_other_party() -> None:
    alice, bob = Phone(350), Phone(880)
    async with joined(alice, bob) as (a, b):
        a.port.set_audio_source(tones.tone())
        await until(lambda: alice.hears(440), what="the tone")
        a.port.set_audio_source(tones.music())
        await until(lambda: alice.hertz() is not None and not alice.hears(440), what="music")
        alice.longest_gap = 0.0
        a.port.set_audio_source(b.port)
        await until(lambda: alice.hears(880), what="bob")
        assert alice.longest_gap < 0.3


async def test_an_opus_phone_and_a_g711_phone_hear_each_other() -> None:
    alice, bob = Phone(440, codec="opus"), Phone(880, codec="PCMU")
    async with joined(alice, bob) as (a, b):
        a.port.set_audio_source(b.port)
        b.port.set_audio_source(a.port)
        await until(lambda: alice.hears(880) and bob.hears(440), what="hearing each other")
        assert (a.codec, b.codec) == ("opus", "pcmu")


async def test_a_g711_phone_hears_platform_tones() -> None:
    bob = Phone(880, codec="PCMA")
    async with joined(bob) as (b,):
        b.port.set_audio_source(tones.tone())
        await until(lambda: bob.hears(440), what="the tone")


async def test_the_announcement_ends_and_says_so() -> None:
    done: list[bool] = []
    alice = Phone(350)
    async with joined(alice) as (a,):
        tones._frames("announcement", "opus")
        a.port.set_audio_source(tones.announcement(lambda: done.append(True)))
        await until(lambda: alice.hertz() is not None, what="speech")
        await until(lambda: done, 20, "the end")


def test_g711_tables_return_each_code_and_are_close_to_the_sample() -> None:
    wave = (np.sin(np.arange(8000) * 0.1) * 20000).astype(np.int16)
    for name in ("pcmu", "pcma"):
        back = g711.decode(name, g711.encode(name, wave))
        assert np.abs(back.astype(int) - wave).max() < 700
        codes = bytes(range(256))
        assert np.array_equal(
            g711.decode(name, g711.encode(name, g711.decode(name, codes))), g711.decode(name, codes)
        )


def test_opus_keeps_a_tone_and_conceals_a_loss() -> None:
    own, other = OpusEncoder(48000), OpusDecoder(8000)
    wave = (np.sin(2 * np.pi * 440 * np.arange(48000) / 48000) * 10000).astype(np.int16)
    heard = [other.decode(own.encode(wave[at : at + 960])).copy() for at in range(0, 48000, 960)]
    assert np.sqrt(np.mean(np.concatenate(heard[10:]).astype(float) ** 2)) > 5000
    assert len(other.conceal(160)) == 160
