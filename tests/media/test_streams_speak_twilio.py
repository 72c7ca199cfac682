"""Media streams against a real WebSocket server that plays a bot."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from calling.media.codecs import g711
from calling.media.operations import media_stream as stream_module
from calling.media.operations.media_stream import MediaStream, StreamFailed, StreamSettings
from tests.support.wait import until

Bot = Callable[[ServerConnection], Awaitable[None]]
TONE = (np.sin(2 * np.pi * 500 * np.arange(160) / 8000) * 8000).astype(np.int16)


@asynccontextmanager
async def bot(handler: Bot) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/media"


def stream(url: str, **more: Any) -> MediaStream:
    return MediaStream(StreamSettings(url, "call-1", "project-1", **more), allow_private=True)


async def test_the_messages_are_twilios() -> None:
    heard: list[dict[str, Any]] = []

    async def listen(socket: ServerConnection) -> None:
        async for text in socket:
            heard.append(json.loads(text))

    async with bot(listen) as url:
        mine = stream(url, parameters={"from_number": "+1555"}, bearer="t0ken")
        task = asyncio.create_task(mine.run())
        await mine.started.wait()
        for number in range(3):
            mine.send("inbound", TONE, number * 20)
        mine.digit("5")
        await until(lambda: len(heard) >= 6)
        mine.stop()
        await asyncio.wait_for(task, 5)
        await until(lambda: heard[-1]["event"] == "stop")
    assert heard[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert heard[1]["event"] == "start" and heard[1]["sequenceNumber"] == "1"
    start = heard[1]["start"]
    assert (start["callSid"], start["accountSid"], start["tracks"]) == ("call-1", "project-1", ["inbound"])
    assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert start["customParameters"] == {"from_number": "+1555"} and start["streamSid"].startswith("MZ")
    media = [one for one in heard if one["event"] == "media"]
    assert [one["media"]["chunk"] for one in media] == ["1", "2", "3"]
    assert [one["media"]["timestamp"] for one in media] == ["0", "20", "40"]
    assert base64.b64decode(media[0]["media"]["payload"]) == g711.encode("pcmu", TONE)
    assert next(one for one in heard if one["event"] == "dtmf")["dtmf"] == {
        "track": "inbound_track",
        "digit": "5",
    }
    numbers = [int(one["sequenceNumber"]) for one in heard[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_an_echo_bot_is_heard_and_its_marks_come_back_in_time() -> None:
    marks: list[str] = []

    async def echo(socket: ServerConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            if message["event"] == "media":
                back = {
                    "event": "media",
                    "streamSid": message["streamSid"],
                    "media": {"payload": message["media"]["payload"]},
                }
                await socket.send(json.dumps(back))
                mark = {
                    "event": "mark",
                    "streamSid": message["streamSid"],
                    "mark": {"name": message["media"]["chunk"]},
                }
                await socket.send(json.dumps(mark))
            elif message["event"] == "mark":
                marks.append(message["mark"]["name"])

    async with bot(echo) as url:
        mine = stream(url)
        task = asyncio.create_task(mine.run())
        await mine.started.wait()
        mine.send("inbound", TONE, 0)
        mine.send("inbound", TONE, 20)
        await until(lambda: len(mine._played) == 320 and len(mine._marks) == 2)
        assert marks == []
        assert np.abs(mine.pull().astype(int) - TONE).max() < 700
        await until(lambda: marks == ["1"])
        mine.pull()
        await until(lambda: marks == ["1", "2"])
        assert not mine.pull().any()
        mine.stop()
        await asyncio.wait_for(task, 5)


async def test_clear_drops_what_waits_and_answers_its_marks() -> None:
    marks: list[str] = []

    async def talkative(socket: ServerConnection) -> None:
        await socket.recv()
        sid = json.loads(await socket.recv())["streamSid"]
        payload = base64.b64encode(b"\x00" * 8000).decode()
        await socket.send(json.dumps({"event": "media", "streamSid": sid, "media": {"payload": payload}}))
        await socket.send(json.dumps({"event": "mark", "streamSid": sid, "mark": {"name": "a"}}))
        await socket.send(json.dumps({"event": "clear", "streamSid": sid}))
        async for text in socket:
            if json.loads(text)["event"] == "mark":
                marks.append(json.loads(text)["mark"]["name"])

    async with bot(talkative) as url:
        mine = stream(url)
        task = asyncio.create_task(mine.run())
        await until(lambda: marks == ["a"])
        assert not mine.waiting
        mine.stop()
        await asyncio.wait_for(task, 5)


async def test_a_rude_bot_changes_nothing() -> None:
    async def rude(socket: ServerConnection) -> None:
        for junk in (
            "",
            "not json",
            "[" * 5000,
            "[]",
            "7",
            '{"event": 1}',
            '{"event": "media"}',
            b"\x00\x01",
            '{"event": "media", "media": {"payload": "***"}}',
            '{"event": "media", "media": {"payload": 5}}',
            '{"event": "mark", "mark": {}}',
            '{"event": "unknown"}',
        ):
            await socket.send(junk)
        await socket.send(
            json.dumps({"event": "media", "media": {"payload": base64.b64encode(b"ok").decode()}})
        )
        await socket.wait_closed()

    async with bot(rude) as url:
        mine = stream(url)
        task = asyncio.create_task(mine.run())
        await until(lambda: bytes(mine._played) == b"ok")
        mine.stop()
        await asyncio.wait_for(task, 5)


async def test_l16_goes_at_sixteen_kilohertz() -> None:
    heard: list[dict[str, Any]] = []

    async def listen(socket: ServerConnection) -> None:
        async for text in socket:
            heard.append(json.loads(text))

    async with bot(listen) as url:
        mine = stream(url, codec="L16")
        task = asyncio.create_task(mine.run())
        await mine.started.wait()
        pcm = np.arange(320, dtype=np.int16)
        mine.send("inbound", pcm, 0)
        await until(lambda: len(heard) == 3)
        assert heard[1]["start"]["mediaFormat"]["sampleRate"] == 16000
        assert base64.b64decode(heard[2]["media"]["payload"]) == pcm.astype("<i2").tobytes()
        mine.stop()
        await asyncio.wait_for(task, 5)


async def test_a_broken_connection_is_made_again_with_a_fresh_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "BACKOFF", (0.01, 0.01, 0.01))
    starts: list[str] = []

    async def flaky(socket: ServerConnection) -> None:
        await socket.recv()
        starts.append(json.loads(await socket.recv())["event"])
        if len(starts) < 3:
            socket.transport.abort()
        await socket.wait_closed()

    async with bot(flaky) as url:
        mine = stream(url)
        task = asyncio.create_task(mine.run())
        await until(lambda: len(starts) == 3 and mine.started.is_set())
        assert mine.reconnects == 2
        mine.stop()
        await asyncio.wait_for(task, 5)


async def test_a_bot_that_closes_in_order_ends_the_stream() -> None:
    async def brief(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close()

    async with bot(brief) as url:
        await asyncio.wait_for(stream(url).run(), 5)


async def test_a_server_that_is_not_there_is_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "BACKOFF", (0.01,))
    async with bot(lambda socket: socket.wait_closed()) as url:
        pass
    with pytest.raises(StreamFailed):
        await asyncio.wait_for(stream(url).run(), 5)


@pytest.mark.parametrize(
    "url",
    ["ws://127.0.0.1:9/", "wss://10.0.0.1/", "wss://[::1]/", "http://x.example/", "wss://u:p@x.example/"],
)
async def test_an_inside_address_is_refused(url: str) -> None:
    mine = MediaStream(StreamSettings(url, "c", "p"), allow_private=False)
    with pytest.raises(StreamFailed):
        await asyncio.wait_for(mine.run(), 5)


async def test_a_bot_that_does_not_read_holds_nothing_up() -> None:
    over = asyncio.Event()

    async def deaf(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.abort()

    async with bot(deaf) as url:
        mine = stream(url, codec="L16")
        task = asyncio.create_task(mine.run())
        await mine.started.wait()
        noise = np.random.default_rng(1).integers(-9000, 9000, 320).astype(np.int16)
        for number in range(20_000):
            mine.send("inbound", noise, number)
            if number % 200 == 0:
                await asyncio.sleep(0)
        assert mine.dropped > 0 and len(mine._out) <= stream_module.OUT_FRAMES
        task.cancel()
        over.set()
        await asyncio.gather(task, return_exceptions=True)
