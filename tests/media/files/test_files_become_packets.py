"""Every format is prepared: Opus of 20 ms, pictures passed on where the codec fits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from calling.media.codecs.opus import OpusDecoder
from calling.media.files.prepare import Unplayable, prepare
from calling.media.files.prepared import NotPrepared, Prepared, Writer, open_prepared
from calling.media.files.sniff import sniff
from tests.media.files.made import KINDS, media


async def ready(tmp_path: Path, content: bytes, picture: str = "vp8") -> Prepared:
    source = tmp_path / "source"
    source.write_bytes(content)
    await prepare(source, tmp_path / "target.cwp", picture=picture)  # type: ignore[arg-type]
    return open_prepared(tmp_path / "target.cwp")


def pitch(prepared: Prepared) -> float:
    decoder, pieces = OpusDecoder(48000), []
    for packet in prepared.packets("audio"):
        pieces.append(decoder.decode(packet.payload).copy())
    wave = np.concatenate(pieces)[4800:]
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(np.argmax(spectrum) * 48000 / len(wave))


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_format_is_prepared(kind: str, tmp_path: Path) -> None:
    found = await ready(tmp_path, media(kind))
    assert 950 <= found.about.duration_ms <= 1150
    assert found.about.audio == (kind != "silent.webm")
    if found.about.audio:
        assert abs(pitch(found) - 440) < 5
        times = [packet.timestamp for packet in found.packets("audio")]
        assert times == [20_000 * n for n in range(len(times))]
    if "4" in kind[2:] or ("m" in kind[:1] and kind in ("mov", "mp4")):
        assert found.about.video == "vp8" and (found.about.width, found.about.height) == (320, 240)
    pictures = list(found.packets("video"))
    if found.about.video:
        assert len(pictures) >= 24 and pictures[0].keyframe


@pytest.mark.parametrize(
    ("kind", "b_frames", "wanted", "got"),
    [
        ("mp4", 0, "h264", "h264"),
        ("mp4", 2, "h264", "vp8"),
        ("mp4", 0, "vp8", "vp8"),
        ("webm", 0, "h264", "vp8"),
        ("webm", 0, "none", None),
    ],
)
async def test_pictures_pass_untouched_where_the_codec_fits(
    kind: str, b_frames: int, wanted: str, got: str | None, tmp_path: Path
) -> None:
    found = await ready(tmp_path, media(kind, b_frames=b_frames), wanted)
    assert found.about.video == got
    if got == "h264":
        assert all(packet.payload.startswith(b"\x00\x00\x00\x01") for packet in found.packets("video"))


async def test_a_prepared_file_seeks_and_loops(tmp_path: Path) -> None:
    found = await ready(tmp_path, media("webm", 3.0))
    at = found.seek(2_000_000, kind="video")
    assert found.packet(at).keyframe and found.packet(at).timestamp <= 2_000_000
    assert found.packet(found.seek(1_000_000)).timestamp >= 1_000_000
    once = [packet.timestamp for packet in found.packets("audio")]
    twice = [packet.timestamp for packet in found.packets("audio", loops=2)]
    assert len(twice) == 2 * len(once) and twice == sorted(twice) and len(set(twice)) == len(twice)


async def test_many_are_prepared_at_once_and_each_is_whole(tmp_path: Path) -> None:
    content = media("mp3", 0.5)
    places = [tmp_path / str(n) for n in range(4)]
    for place in places:
        place.mkdir()
    found = await asyncio.gather(*(ready(place, content) for place in places))
    assert {one.about.duration_ms for one in found} == {found[0].about.duration_ms}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U\nhttp://127.0.0.1/x",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<html>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"GIF89a" + bytes(50),
        b"ID3",
        b"%PDF-1.4",
        b"PK\x03\x04",
        b"\xff\xd8\xff\xe0",
        b"\xff\xfb",
    ],
)
async def test_what_is_no_media_is_refused_before_any_decoder(content: bytes, tmp_path: Path) -> None:
    assert sniff(content) is None
    with pytest.raises(Unplayable):
        await ready(tmp_path, content)
    assert not (tmp_path / "target.cwp").exists()


def test_a_broken_prepared_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.cwp"
    with path.open("wb") as file:
        writer = Writer(file)
        for n in range(5):
            writer.add("audio", n * 20_000, b"x" * 50)
        writer.finish()
    whole = path.read_bytes()
    assert len(open_prepared(path)) == 5
    for broken in (b"", whole[:-1], whole[1:], whole[:40], b"x" * 100, whole[:-20] + bytes(20)):
        path.write_bytes(broken)
        with pytest.raises(NotPrepared):
            open_prepared(path)
