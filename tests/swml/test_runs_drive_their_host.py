"""The runner with a host in this process and real web servers: order, groups, requests, resuming."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from calling.outbound_http.client import Client
from calling.swml import actions, load
from calling.swml.checks import BadScript
from calling.swml.parse import check_document
from calling.swml.run import End, Runner

CALL = {"call_id": "c1", "from": "+1555", "type": "phone"}


class Recorded:
    """A host that does what it is told at once and remembers it."""

    def __init__(self, **outcomes: Any) -> None:
        self.did: list[tuple[str, Any]] = []
        self.kept: list[Mapping[str, Any]] = []
        self._outcomes = outcomes

    async def perform(self, action: actions.Action) -> Any:
        return self._done(re.sub(r"(?<!^)(?=[A-Z])", "_", type(action).__name__).lower(), action)

    async def connect(self, group: tuple[actions.Device, ...], action: actions.Connect) -> Any:
        return self._done("connect", group)

    def _done(self, name: str, given: Any) -> Any:
        self.did.append((name, given))
        found = self._outcomes.get(name, {})
        return found.pop(0) if isinstance(found, list) else found

    async def keep(self, progress: Mapping[str, Any]) -> None:
        self.kept.append(json.loads(json.dumps(progress)))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.did]


@asynccontextmanager
async def web(
    answers: dict[str, tuple[int, str]],
) -> AsyncIterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    asked: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        names = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        body = await reader.readexactly(int(names.get("content-length", 0)))
        asked.append((lines[0].split()[1], names, body))
        status, text = answers.get(lines[0].split()[1], (404, ""))
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


def runner(host: Any, *steps: Any, **more: Any) -> Runner:
    document = check_document({"sections": {"main": list(steps)}})
    return Runner.begin(document, host, call=CALL, http=Client(allow_private=True), **more)


async def test_actions_are_done_in_order_and_a_play_answers_first() -> None:
    host = Recorded()
    end = await runner(host, {"play": "say:hi"}, {"send_digits": "1"}, {"sleep": 1}, {"hangup": "busy"}).run()
    assert host.names == ["answer", "play", "send_digits"] and end == End(hangup="busy")
    assert len(host.kept) == 3


async def test_groups_are_dialled_until_one_answers() -> None:
    host = Recorded(connect=[{"result": "failed", "reason": "busy"}, {"result": "connected"}, {}])
    connect = {"connect": {"serial": [{"to": "/a/b"}, {"to": "/a/c"}, {"to": "/a/d"}]}}
    end = await runner(
        host, connect, {"cond": [{"when": "connect_result == 'connected'", "then": ["hangup"]}]}
    ).run()
    assert [group[0].to for _, group in host.did] == ["/a/b", "/a/c"] and end.hangup == "hangup"


async def test_a_request_is_made_and_its_failure_is_a_variable() -> None:
    host = Recorded()
    async with web({"/x": (201, '{"a": 5}')}) as (base, asked):
        steps = [
            {
                "request": {
                    "url": f"{base}/x",
                    "method": "PUT",
                    "body": "%{call.from}",
                    "save_variables": True,
                }
            },
            {"play": "say:%{request_response.a} %{request_response_code}"},
            {"request": {"url": "http://169.254.169.254/latest", "method": "GET"}},
            {"play": "say:%{request_result}"},
        ]
        await runner(host, *steps).run()
    assert asked[0][2] == b"+1555"
    said = [action.playing.items[0].text for name, action in host.did if name == "play"]
    assert said == ["5 201", "failed"]


async def test_a_document_is_fetched_signed_and_run() -> None:
    host = Recorded()
    other = json.dumps({"sections": {"main": [{"play": "say:%{params.n}"}]}})
    async with web({"/x": (200, other)}) as (base, asked):
        await runner(host, {"transfer": {"dest": f"{base}/x", "params": {"n": 3}}}, signing_key="k").run()
        _path, names, body = asked[0]
        expected = hmac.new(b"k", f"{base}/x".encode() + body, hashlib.sha1).hexdigest()
        assert names["x-signalwire-signature"] == expected
        assert json.loads(body)["call"] == CALL
    assert host.did[-1][1].playing.items[0].text == "3"


@pytest.mark.parametrize(
    "answer", [(200, "not: [a"), (200, '{"sections": {"main": ["dance"]}}'), (500, ""), (302, "")]
)
async def test_a_bad_document_ends_the_run_with_its_reason(answer: tuple[int, str]) -> None:
    async with web({"/x": answer}) as (base, _):
        end = await runner(Recorded(), {"transfer": f"{base}/x"}).run()
    assert end.error


async def test_the_fallback_is_asked_when_the_first_url_fails() -> None:
    good = "sections: {main: [answer]}"
    async with web({"/good": (200, good)}) as (base, asked):
        http = Client(allow_private=True)
        found = await load.first_of((f"{base}/bad", f"{base}/good"), {}, http=http)
        assert found.sections == {"main": [{"answer": {}}]} and [one[0] for one in asked] == ["/bad", "/good"]
        with pytest.raises(BadScript, match="404"):
            await load.first_of((f"{base}/bad",), {}, http=http)


async def test_a_run_goes_on_in_another_worker_where_it_was() -> None:
    host = Recorded()
    steps = [{"set": {"n": 7}}, {"play": "say:one"}, {"play": "say:%{n}"}]
    await runner(host, *steps).run()
    second = Recorded()
    await Runner.resume(host.kept[1], second).run()  # lost while it said "one" or "7": said again
    assert [action.playing.items[0].text for name, action in second.did if name == "play"] == ["7"]
