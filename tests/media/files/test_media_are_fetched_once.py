"""The library: one download however many ask, validators, refusals without a hint, a bounded cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from calling.media.files import library as library_module
from calling.media.files.library import Library
from calling.media.files.prepare import Unplayable
from calling.outbound_http.client import Client
from tests.media.files.made import media


@asynccontextmanager
async def server(files: dict[str, bytes], headers: str = "") -> AsyncIterator[tuple[str, list[str]]]:
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        fresh = 'if-none-match: "v1"' in head.lower()
        asked.append(path + (" 304" if fresh else ""))
        body = files.get(path)
        status = "404 Not Found" if body is None else "304 Not Modified" if fresh else "200 OK"
        body = body if body is not None and not fresh else b""
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", asked
    finally:
        listening.close()


async def test_ten_players_download_and_decode_once(tmp_path: Path) -> None:
    async with server({"/a.mp3": media("mp3")}) as (base, asked):
        mine = Library(tmp_path, Client(allow_private=True))
        found = await asyncio.gather(*(mine.get(base + "/a.mp3") for _ in range(10)))
        assert asked == ["/a.mp3"] and found[0].about.audio
        await mine.get(base + "/a.mp3")
        assert asked == ["/a.mp3"]


async def test_a_stale_copy_is_asked_for_again_and_kept_when_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_module, "FRESH_SECONDS", 0)
    async with server({"/a.wav": media("wav", 0.3)}, 'ETag: "v1"\r\n') as (base, asked):
        mine = Library(tmp_path, Client(allow_private=True))
        first = await mine.get(base + "/a.wav")
        again = await mine.get(base + "/a.wav")
        assert asked == ["/a.wav", "/a.wav 304"] and first.path == again.path


async def test_max_age_saves_the_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "FRESH_SECONDS", 0)
    async with server({"/a.wav": media("wav", 0.3)}, "Cache-Control: public, max-age=60\r\n") as (
        base,
        asked,
    ):
        mine = Library(tmp_path, Client(allow_private=True))
        await mine.get(base + "/a.wav")
        await mine.get(base + "/a.wav")
        assert asked == ["/a.wav"]


@pytest.mark.parametrize("url", ["/missing", "/text"])
async def test_what_is_not_there_or_no_media_is_unplayable(url: str, tmp_path: Path) -> None:
    async with server({"/text": b"hello"}) as (base, _):
        with pytest.raises(Unplayable):
            await Library(tmp_path, Client(allow_private=True)).get(base + url)
    assert not list(tmp_path.glob(".*"))


async def test_an_inside_address_reads_like_any_refusal(tmp_path: Path) -> None:
    texts = set()
    async with server({"/a": media("wav", 0.1)}) as (base, asked):
        for url in (
            base.replace("http", "https").rsplit(":", 1)[0] + ":8443/a",
            "https://10.0.0.9/",
            "https://[::1]/",
        ):
            with pytest.raises(Unplayable) as caught:
                await Library(tmp_path, Client(allow_private=False)).get(url)
            texts.add(str(caught.value))
        assert asked == [] and len(texts) == 1


async def test_the_cache_is_bounded(tmp_path: Path) -> None:
    files = {f"/{n}.wav": media("wav", 0.3, hertz=300 + n) for n in range(4)}
    async with server(files) as (base, _):
        mine = Library(tmp_path, Client(allow_private=True), room=6000)
        for name in files:
            await mine.get(base + name)
    kept = list(tmp_path.glob("*.cwp"))
    assert 1 <= len(kept) < 4 and sum(path.stat().st_size for path in kept) <= 6000 + 3000
