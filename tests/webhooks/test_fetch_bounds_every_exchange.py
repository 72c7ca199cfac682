"""The outbound client against a real local server: sizes, times, redirects, framing."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from calling.outbound_http.client import Client, FetchFailed
from calling.outbound_http.url_text import UnsafeUrl

Respond = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(respond: Respond) -> AsyncIterator[tuple[str, list[int]]]:
    """A tiny HTTP/1.1 server: `respond(head, body, writer)`; counts connections."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = [
                    int(x.split(b":")[1])
                    for x in head.split(b"\r\n")
                    if x.lower().startswith(b"content-length")
                ]
                await respond(head, await reader.readexactly(size[0] if size else 0), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", connections
    finally:
        listening.close()


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def private_client() -> AsyncIterator[Client]:
    mine = Client(allow_private=True)
    try:
        yield mine
    finally:
        await mine.aclose()


async def test_exchanges_share_one_connection_and_send_the_body_as_given() -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append((head, body))
        writer.write(answer(b"ok", "200 OK", "X-Thing: 1"))

    async with server(respond) as (base, connections), private_client() as mine:
        for _ in range(5):
            got = await mine.fetch(
                base + "/h?a=1", method="POST", headers={"webhook-id": "x"}, content=b'{"a":1}'
            )
        assert (got.status, got.body, got.headers["x-thing"]) == (200, b"ok", "1")
        assert len(connections) == 1
        assert seen[0][0].startswith(b"POST /h?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
        assert b"webhook-id: x" in seen[0][0] and seen[0][1] == b'{"a":1}'


async def test_a_pooled_connection_the_server_closed_is_not_used_again() -> None:
    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"x"))
        await writer.drain()
        writer.close()

    async with server(respond) as (base, _), private_client() as mine:
        for _ in range(3):
            assert (await mine.fetch(base)).status == 200
            await asyncio.sleep(0.02)


async def test_webhooks_follow_no_redirect_and_scripts_follow_three() -> None:
    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        left = int(head.split(b" ")[1].split(b"/")[1] or 0)
        writer.write(answer(b"end") if left == 0 else answer(b"", "302 Found", f"Location: /{left - 1}"))

    async with server(respond) as (base, _), private_client() as mine:
        assert (await mine.fetch(base + "/1", purpose="webhook")).status == 302
        assert (await mine.fetch(base + "/3", purpose="script")).body == b"end"
        with pytest.raises(FetchFailed) as caught:
            await mine.fetch(base + "/4", purpose="media")
        assert caught.value.kind == "redirect"


@pytest.mark.parametrize(
    "where", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://u:p@127.0.0.1/", "//0.0.0.0/"]
)
async def test_a_redirect_is_judged_like_a_first_url(where: str) -> None:
    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", "307 Temporary Redirect", f"Location: {where}"))

    async with server(respond) as (base, _), private_client() as mine:
        with pytest.raises(UnsafeUrl):
            await mine.fetch(base, purpose="media")


async def test_credentials_do_not_follow_a_redirect_to_another_origin() -> None:
    heads: list[bytes] = []

    async def end(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(answer(b"end"))

    async with server(end) as (other, _), private_client() as mine:

        async def away(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(b"", "302 Found", f"Location: {other}/x"))

        async with server(away) as (base, _):
            await mine.fetch(
                base,
                method="POST",
                content=b"{}",
                purpose="script",
                headers={"Authorization": "Basic eA==", "Content-Type": "application/json"},
            )
    assert heads[0].startswith(b"GET /x ") and b"Basic" not in heads[0] and b"json" not in heads[0]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
async def test_a_bomb_is_refused_while_it_grows(coding: str) -> None:
    zeros = bytes(50_000_000)
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = squeezer.compress(zeros) + squeezer.flush()
    bomb = {"gzip": gzip.compress(zeros), "deflate": zlib.compress(zeros), "raw": raw}[coding]
    name = "deflate" if coding == "raw" else coding

    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(bomb, "200 OK", f"Content-Encoding: {name}"))

    async with server(respond) as (base, _), private_client() as mine:
        with pytest.raises(FetchFailed) as caught:
            await mine.fetch(base, purpose="script")
        assert caught.value.kind == "too_large"
        cut = await mine.fetch(base, purpose="webhook")
        assert cut.truncated and len(cut.body) == 64 * 1024


async def test_a_dripping_answer_ends_at_the_total_time() -> None:
    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(200):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with server(respond) as (base, _), private_client() as mine:
        began = time.monotonic()
        with pytest.raises(FetchFailed) as caught:
            await mine.fetch(base, purpose="script", total_timeout=0.4)
        assert caught.value.kind == "timeout" and time.monotonic() - began < 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
    ],
)
async def test_what_is_not_http_is_one_failure(garbage: bytes) -> None:
    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(garbage)
        await writer.drain()
        writer.close()

    async with server(respond) as (base, _), private_client() as mine:
        with pytest.raises(FetchFailed) as caught:
            await mine.fetch(base, purpose="script", total_timeout=5)
        assert caught.value.kind == "protocol"


async def test_nobody_listening_is_a_connect_failure() -> None:
    async with server(lambda *_: asyncio.sleep(0)) as (base, _):
        pass
    async with private_client() as mine:
        with pytest.raises(FetchFailed) as caught:
            await mine.fetch(base)
        assert caught.value.kind == "connect"


async def test_a_sink_gets_the_body_in_pieces() -> None:
    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(gzip.compress(b"z" * 1_000_000), "200 OK", "Content-Encoding: gzip"))

    pieces: list[int] = []

    async def sink(piece: bytes) -> None:
        pieces.append(len(piece))

    async with server(respond) as (base, _), private_client() as mine:
        got = await mine.fetch(base, purpose="media", sink=sink)
    assert got.body == b"" and sum(pieces) == 1_000_000 and max(pieces) <= 65536
