"""The outermost layer of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from config.web.body_limits import BoundedHttp, Receive, Send


class Echo:
    """An application that keeps the body it was given."""

    def __init__(self) -> None:
        self.body = b""
        self.after: dict[str, Any] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        message = await receive()
        self.body = message["body"]
        assert message["more_body"] is False
        self.after = dict(await receive())


async def run(app: BoundedHttp, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    waiting = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))

    await app({"type": "http"}, receive, send)
    return sent


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_parts_arrives_whole_and_the_disconnect_after_it() -> None:
    echo = Echo()
    await run(
        BoundedHttp(echo), part(b"ab", True), part(b"", True), part(b"cd", False), {"type": "http.disconnect"}
    )
    assert echo.body == b"abcd" and echo.after == {"type": "http.disconnect"}


class Refusal:
    """An application that answers 413, and listens for a disconnect meanwhile as Django does."""

    def __init__(self) -> None:
        self.body = b""
        self.heard: list[dict[str, Any]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.body = (await receive())["body"]

        async def listen() -> None:
            self.heard.append(dict(await receive()))

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        headers = [(b"Connection", b"keep-alive")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": b"too large"})
        listening.cancel()


async def test_an_endless_body_is_cut_one_byte_past_the_bound() -> None:
    refusal = Refusal()
    app = BoundedHttp(refusal, largest=10, discard_seconds=0.05)
    sent = await run(app, part(b"x" * 8, True), part(b"x" * 8, True), part(b"y", True))
    assert refusal.body == b"x" * 11
    assert sent[0]["headers"] == [(b"connection", b"close")]


async def test_the_answer_is_sent_before_the_rest_is_read_and_ends_after_it() -> None:
    order: list[str] = []
    rest = [part(b"x" * 12, True), part(b"y" * 5, True), part(b"z", False)]

    async def receive() -> dict[str, Any]:
        order.append(f"read {rest[0]['body'][:1].decode()}")
        return rest.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        order.append(f"sent {message.get('more_body', 'head')}")

    refusal = Refusal()
    await BoundedHttp(refusal, largest=10)({"type": "http"}, receive, send)
    assert order == ["read x", "sent head", "sent True", "read y", "read z", "sent False"]
    assert refusal.heard == []  # what comes after a cut is no message for the application


async def test_no_more_than_the_bound_is_thrown_away() -> None:
    parts = [part(b"x" * 12, True)] + [part(b"y" * 10, True)] * 9
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        pass

    await BoundedHttp(Refusal(), largest=10, discarded=35)({"type": "http"}, receive, send)
    assert len(parts) - len(waiting) == 1 + 4


async def test_a_body_that_is_announced_too_large_is_not_read_before_the_answer() -> None:
    refusal, read = Refusal(), []

    async def receive() -> dict[str, Any]:
        read.append(1)
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        assert not read or message.get("more_body") is False

    scope = {"type": "http", "headers": [(b"content-length", b"11")]}
    await BoundedHttp(refusal, largest=10)(scope, receive, send)
    assert refusal.body == b"" and read == [1]


async def test_a_body_that_does_not_end_in_time_is_408() -> None:
    sent = await run(BoundedHttp(Echo(), patience=0.05), part(b"slow", True))
    assert sent[0]["status"] == 408 and b'"errors"' in sent[1]["body"]
