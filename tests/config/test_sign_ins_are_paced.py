"""Who was told to come again waits in front of Django, and nobody else does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core import signing

from calling.dashboard import tries
from config.web import sign_in_pace
from config.web.sign_in_pace import AT_ONCE, LONGEST, Pace, SignInPace

COOKIE = signing.dumps({"name": "x", "id": "a1"}, salt=tries.SALT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_pace, "HELD_SECONDS", 0.05)


class Door:
    """What stands behind: answers with `status`, after `go` where that is set."""

    def __init__(self, status: int = 403, retry_after: bytes | None = None) -> None:
        self.status, self.retry_after, self.asked = status, retry_after, 0
        self.go: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        if self.go is not None:
            await self.go.wait()
        headers = [(b"Retry-After", self.retry_after)] if self.retry_after else []
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def ask(
    pace: SignInPace,
    source: str = "192.0.2.1",
    path: str = "/dashboard/login",
    method: str = "POST",
    cookie: str = "",
) -> tuple[int, int]:
    """Status and Retry-After (0 without one) of one request."""
    found: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"username=x", "more_body": False}

    async def send(message: Any) -> None:
        found.append(message)

    headers = [(b"cookie", f"csrftoken=1; {tries.COOKIE}={cookie}".encode())] if cookie else []
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "client": (source, 1)}
    await pace(scope, receive, send)
    headers_out = {name.lower(): value for name, value in found[0]["headers"]}
    return found[0]["status"], int(headers_out.get(b"retry-after", b"0"))


@pytest.mark.parametrize("status", [429, 503])
async def test_who_was_told_to_come_again_is_not_heard_before(status: int) -> None:
    door = Door(status, b"5")
    pace = SignInPace(door)
    assert await ask(pace) == (status, 5)
    for method, path in sign_in_pace.PATHS:
        told, wait = await ask(pace, path=path, method=method)
        assert told == 429 and 1 <= wait <= 5
    assert door.asked == 1


async def test_others_are_heard_meanwhile_and_so_is_a_browser_that_is_known() -> None:
    door = Door(429, b"5")
    pace = SignInPace(door)
    await ask(pace)
    door.status, door.retry_after = 302, None
    assert await ask(pace, source="192.0.2.2") == (302, 0)
    assert await ask(pace, cookie=COOKIE) == (302, 0)
    assert (await ask(pace, cookie=COOKIE[:-2] + "xx"))[0] == 429, "a cookie of one's own making"
    assert (await ask(pace, source="192.0.2.1", method="GET"))[0] == 302
    assert (await ask(pace, path="/api/calls"))[0] == 302


@pytest.mark.parametrize("cookie", ["", "x", "x:y:z", "\x00", '"', "é" * 50])
async def test_no_cookie_breaks_it(cookie: str) -> None:
    assert await ask(SignInPace(Door()), cookie=cookie) == (403, 0)


async def test_of_many_at_once_a_few_are_at_work() -> None:
    door = Door()
    door.go = asyncio.Event()
    pace = SignInPace(door)
    asked = [asyncio.ensure_future(ask(pace)) for _ in range(AT_ONCE + 3)]
    await asyncio.sleep(0.3)
    assert door.asked == AT_ONCE
    assert [task.result()[0] for task in asked[AT_ONCE:]] == [429] * 3
    door.go.set()
    assert [(await task)[0] for task in asked[:AT_ONCE]] == [403] * AT_ONCE
    assert await ask(pace) == (403, 0), "there is room again"


async def test_who_finds_a_place_while_waiting_is_heard() -> None:
    door = Door()
    door.go = asyncio.Event()
    pace = SignInPace(door)
    asked = [asyncio.ensure_future(ask(pace)) for _ in range(AT_ONCE + 1)]
    await asyncio.sleep(0)
    door.go.set()
    assert {(await task)[0] for task in asked} == {403}
    assert door.asked == AT_ONCE + 1


async def test_the_addresses_of_one_ipv6_network_are_one_source() -> None:
    door = Door(429, b"5")
    pace = SignInPace(door)
    await ask(pace, source="2001:db8::1")
    assert (await ask(pace, source="2001:db8::2"))[0] == 429 and door.asked == 1
    await ask(pace, source="2001:db8:0:1::1")
    assert door.asked == 2


async def test_a_door_that_breaks_gives_its_place_back() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    pace = SignInPace(broken)
    for _ in range(AT_ONCE + 2):
        with pytest.raises(RuntimeError):
            await ask(pace)


def test_memory_is_bounded_and_a_wait_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_pace, "MOST_KEPT", 3)
    pace = Pace()
    for n in range(10):
        pace.enter(f"s{n}")
        pace.leave(f"s{n}", 100.0, 3600.0)
    assert pace.wait("s0", 100.0) == LONGEST and pace.wait("s9", 100.0) == 0
    assert pace.wait("s0", 100.0 + LONGEST) == 0
    pace.enter("late")
    pace.leave("late", 200.0, 1.0)
    assert pace.wait("late", 200.0) == 1.0 and pace.wait("s0", 200.0) == 0
