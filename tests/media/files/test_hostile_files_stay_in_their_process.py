"""Crafted media files: the decoder opens nothing, reaches nobody, ends in time; the worker never notices."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from calling.media.files.prepare import Unplayable, prepare
from calling.media.files.prepared import open_prepared
from tests.media.files.made import KINDS, media

SAMPLE, FULL = 60, 500


def lure(port: int) -> list[bytes]:
    """Texts that make FFmpeg open other things, where it is allowed to."""
    url = f"http://127.0.0.1:{port}/x".encode()
    return [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + url + b"\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '" + url + b"'\n",
        b"subfile,,start,0,end,100,,:/etc/passwd",
        b"<?xml version='1.0'?><MPD><BaseURL>" + url + b"</BaseURL></MPD>",
        b"[playlist]\nFile1=" + url + b"\n",
    ]


def crafted(dice: random.Random, originals: dict[str, bytes], port: int) -> bytes:
    kind = dice.choice(sorted(originals))
    data = bytearray(originals[kind])
    match dice.randrange(7):
        case 0:  # cut short
            return bytes(data[: dice.randrange(1, len(data))])
        case 1:  # bits turned over
            for _ in range(dice.choice([1, 10, 200, 2000])):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        case 2:  # sizes that lie
            for _ in range(dice.randrange(1, 6)):
                at = dice.randrange(0, min(len(data) - 8, 4000))
                data[at : at + 4] = struct.pack(">I", dice.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 2**24]))
        case 3:  # a lure behind a real head
            keep = dice.randrange(12, 200)
            return bytes(data[:keep]) + dice.choice(lure(port))
        case 4:  # a lure inside
            at = dice.randrange(64, len(data))
            data[at:at] = dice.choice(lure(port))
        case 5:  # the middle missing, the end of another
            other = originals[dice.choice(sorted(originals))]
            return bytes(data[: len(data) // 2]) + other[len(other) // 2 :]
        case 6:  # external references and huge pictures in MP4 and WebM
            for old, new in (
                (b"url \x00\x00\x00\x01", b"url \x00\x00\x00\x00"),
                (b"avc1", b"hvc1"),
                (b"mp4a", b"samr"),
            ):
                if dice.random() < 0.6:
                    data = bytearray(bytes(data).replace(old, new))
            data = bytearray(
                bytes(data).replace(struct.pack(">HH", 320, 240), struct.pack(">HH", 65535, 65535))
            )
    return bytes(data)


@pytest.mark.family
async def test_crafted_files_touch_nothing_and_end(
    tmp_path: Path, seed: int, figure: Callable[[int, int], int]
) -> None:
    count = figure(SAMPLE, FULL)
    print(f"\n{count} files from seed {seed}")
    touched: list[str] = []
    server = await asyncio.start_server(lambda _, writer: touched.append("x"), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    originals = {kind: media(kind, 0.4) for kind in KINDS}
    ends = {"played": 0, "refused": 0}

    async def one(number: int) -> None:
        source, target = tmp_path / f"{number}", tmp_path / f"{number}.cwp"
        source.write_bytes(crafted(random.Random(seed + number), originals, port))
        try:
            await prepare(source, target)
        except Unplayable:
            ends["refused"] += 1
            assert not target.exists()
        else:
            ends["played"] += 1
            found = open_prepared(target)
            assert all(b"root:" not in packet.payload for packet in found.packets())
        source.unlink()

    for start in range(0, count, 4):
        await asyncio.gather(*(one(number) for number in range(start, min(count, start + 4))))
    server.close()
    print(ends)
    assert touched == [] and sum(ends.values()) == count
    assert not list(tmp_path.glob(".draft-*"))


async def test_a_decoder_that_makes_no_progress_is_killed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(media("wav", 0.2))
    began = time.monotonic()
    with pytest.raises(Unplayable, match="too long"):
        await prepare(tmp_path / "a", tmp_path / "b", stall=0.001)
    assert time.monotonic() - began < 5
