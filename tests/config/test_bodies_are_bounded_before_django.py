"""The outermost layer of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from config.bounds import BoundedHttp, Receive, Send


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


async def test_an_endless_body_is_cut_one_byte_past_the_bound() -> None:
    echo = Echo()
    await run(BoundedHttp(echo, largest=10), part(b"x" * 8, True), part(b"x" * 8, True), part(b"y", True))
    assert echo.body == b"x" * 11


async def test_a_body_that_does_not_end_in_time_is_408() -> None:
    sent = await run(BoundedHttp(Echo(), patience=0.05), part(b"slow", True))
    assert sent[0]["status"] == 408 and b'"errors"' in sent[1]["body"]
