"""Two devices hear each other's tone through the packet path, with the forwarding loop in C and without."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.media import phones
from tests.media.phones import Phone, joined
from tests.support.wait import until


@pytest.fixture(params=["auto", "python"], autouse=True)
def forwarded_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same config for every peer of a test."""
    monkeypatch.setattr(phones, "CONFIG", replace(phones.CONFIG, loop=request.param))


async def test_two_phones_hear_each_other() -> None:
    alice, bob = Phone(440), Phone(880)
    async with joined(alice, bob) as (a, b):
        a.port.set_audio_source(b.port)
        b.port.set_audio_source(a.port)
        await until(lambda: alice.hears(880) and bob.hears(440), what="hearing each other")
        assert a.codec == "opus"


async def test_a_phone_gets_its_own_echo_in_sound_and_picture() -> None:
    alice = Phone(600, grey=90)
    async with joined(alice) as (a,):
        a.port.set_audio_source(a.port)
        a.port.set_video_source(a.port)
        await until(lambda: alice.hears(600), what="the echo")
        await until(lambda: alice.frames > 10 and abs((alice.grey or 0) - 90) < 8, 15, "the picture")


async def test_routing_changes_who_is_heard_without_a_break_in_the_stream() -> None:
    alice, bob, carol = Phone(440), Phone(880), Phone(1320)
    async with joined(alice, bob, carol) as (a, b, c):
        a.port.set_audio_source(b.port)
        await until(lambda: alice.hears(880), what="hearing bob")
        alice.longest_gap = 0.0
        for source, hertz in ((c, 1320), (b, 880), (c, 1320), (a, 440)):
            a.port.set_audio_source(source.port)
            await until(lambda hertz=hertz: alice.hears(hertz), what=f"hearing {hertz} Hz")
        assert alice.longest_gap < 0.3


async def test_a_muted_phone_is_not_heard_although_it_keeps_sending() -> None:
    alice, bob = Phone(440), Phone(880)
    async with joined(alice, bob) as (a, b):
        a.port.set_audio_source(b.port)
        b.port.set_audio_source(a.port)
        await until(lambda: alice.hears(880) and bob.hears(440), what="hearing each other")
        b.port.mute({"audio"})
        await until(lambda: alice.hertz() is None, what="silence")
        assert bob.hears(440)
        b.port.mute(set())
        await until(lambda: alice.hears(880), what="hearing bob again")


async def test_what_was_held_back_does_not_look_lost() -> None:
    alice, bob = Phone(440, grey=40), Phone(880, grey=100)
    async with joined(alice, bob) as (a, b):
        for round_ in range(3):
            a.port.set_audio_source(b.port)
            a.port.set_video_source(b.port)
            await until(lambda: alice.hears(880), what="bob")
            seen = alice.frames
            await until(lambda seen=seen: alice.frames > seen + 5, what="bob's picture")
            if round_ == 1:
                b.port.mute({"audio", "video"})
            else:
                a.port.set_audio_source(None)
                a.port.set_video_source(None)
            await asyncio.sleep(1.2)
            b.port.mute(set())
        a.port.set_audio_source(b.port)
        await asyncio.sleep(1.2)
        assert a.port.audio_out.far_lost < 20 and a.port.video_out.far_lost < 20


async def test_a_picture_comes_at_once_when_the_source_is_switched() -> None:
    alice, bob, carol = Phone(None, grey=40), Phone(None, grey=100), Phone(None, grey=160)
    async with joined(alice, bob, carol) as (a, b, c):
        for source, grey in ((b, 100), (c, 160), (b, 100)):
            a.port.set_video_source(source.port)
            await until(lambda grey=grey: abs((alice.grey or 0) - grey) < 10, 10, f"grey {grey}")
