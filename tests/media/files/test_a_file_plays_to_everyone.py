"""FilePlayer: real devices hear and see a prepared file, whatever they speak; encoded once."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiortc import RTCRtpSender

from calling.media.files.player import FilePlayer
from calling.media.files.prepare import prepare
from calling.media.files.prepared import Prepared, open_prepared
from calling.media.operations.playback import picture_of
from tests.media.files.made import media
from tests.media.phones import Phone, joined
from tests.support.wait import until


async def file(tmp_path: Path, kind: str, seconds: float, hertz: float = 440.0) -> Prepared:
    source = tmp_path / f"{kind}{hertz}"
    source.write_bytes(media(kind, seconds, hertz=hertz))
    await prepare(source, source.with_suffix(".cwp"))
    return open_prepared(source.with_suffix(".cwp"))


async def test_an_opus_and_a_g711_phone_hear_one_file(tmp_path: Path) -> None:
    ended: list[bool] = []
    alice, bob = Phone(300, codec="opus"), Phone(300, codec="PCMU")
    prepared = await file(tmp_path, "mp3", 3.0)
    async with joined(alice, bob) as (a, b):
        player = FilePlayer([prepared], on_done=lambda: ended.append(True))
        a.port.set_audio_source(player)
        b.port.set_audio_source(player)
        await until(lambda: alice.hears(440) and bob.hears(440), what="the file")
        await until(lambda: ended == [True], 10, "the end")
        assert player.done


async def test_files_play_in_order_and_loop_until_stopped(tmp_path: Path) -> None:
    alice = Phone(300)
    first, second = await file(tmp_path, "wav", 1.0, 500), await file(tmp_path, "wav", 1.0, 900)
    async with joined(alice) as (a,):
        player = FilePlayer([first, second], loops=0)
        a.port.set_audio_source(player)
        for hertz in (500, 900, 500):
            await until(lambda hertz=hertz: alice.hears(hertz), 10, f"{hertz} Hz")  # type: ignore[misc]
        player.stop()


async def test_a_paused_file_is_silent_and_goes_on(tmp_path: Path) -> None:
    alice = Phone(300)
    prepared = await file(tmp_path, "wav", 4.0)
    async with joined(alice) as (a,):
        player = FilePlayer([prepared], loops=0)
        a.port.set_audio_source(player)
        await until(lambda: alice.hears(440), what="the file")
        player.paused = True
        await until(lambda: not alice.hears(440), what="silence")
        player.paused = False
        player.volume = -6
        await until(lambda: alice.hears(440), what="the file, softer")
        player.seek(1000)
        assert player._clock_us == 1_000_000


@pytest.mark.parametrize("kind", ["mp4", "webm"])
async def test_a_phone_sees_the_moving_picture(kind: str, tmp_path: Path) -> None:
    alice = Phone(300, grey=50)
    prepared = await file(tmp_path, kind, 3.0)
    async with joined(alice) as (a,):
        player = FilePlayer([prepared], loops=0)
        a.port.set_audio_source(player)
        a.port.set_video_source(player)
        await until(lambda: alice.hears(440), what="sound")
        await until(lambda: alice.frames > 20, 10, "pictures")
        player.stop()


async def test_h264_goes_as_it_is_to_who_speaks_nothing_else(tmp_path: Path) -> None:
    alice = Phone(300, grey=50)
    spoken = RTCRtpSender.getCapabilities("video").codecs
    h264 = [one for one in spoken if one.mimeType in ("video/H264", "video/rtx")]
    alice.pc.getTransceivers()[1].setCodecPreferences(h264)
    source, made = tmp_path / "a.mp4", tmp_path / "a.cwp"
    source.write_bytes(media("mp4", 3.0))
    async with joined(alice) as (a,):
        assert picture_of(a.port) == "h264"
        await prepare(source, made, picture=picture_of(a.port))
        prepared = open_prepared(made)
        assert prepared.about.video == "h264"
        player = FilePlayer([prepared], loops=0)
        a.port.set_audio_source(player)
        a.port.set_video_source(player)
        await until(lambda: alice.frames > 20, 20, "pictures")
        player.stop()
