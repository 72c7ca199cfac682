"""A phone page that is open for a shift of twelve hours, in six minutes: each of sixty calls rings on it.

Divided by 120 (`lives_in_small`): a token lives 60 s instead of two hours, its refresh token 2.5 s longer,
the warning comes half a second before the end, a socket may be silent for 30 s. No variable of
`config/env.py` sets any of these. Not divided: the page's ping (20 s) and its waits before it connects again
(up to 30 s), the platform's grace for a lost device (15 s) and its time to start. So a start is 120 times as
long against a token's life as it is in truth, so the instance is restarted within 12 s after a renewal, never
just before the next one.

Between page and instance is a TCP proxy that is restarted once; the instance is restarted three times. Nobody
dials while the page is offline: those dials follow as soon as it says Online.
"""

from __future__ import annotations

import asyncio
import signal
import statistics
import threading
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import aioice.ice
import pytest

from bench.instance import Instance
from bench.softphone import Missing, SoftPhone
from tests.dashboard.conftest import PATIENCE
from tests.support.ports import free_port
from tests.support.wait import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timing,
    pytest.mark.soak_only,
    pytest.mark.timeout(900),
]

SECONDS = 360.0
DIALS = 60
RESTARTS = (15, 30, 45)  # the instance's, after so many dials
PROXY_RESTART = 22
PROXY_AWAY = 2.0
FRESH = 12.0  # seconds after a renewal
BACK = 60.0
TOKENS = "/api/fabric/subscribers/tokens"
# What happens on the page, with the clock that this process has too.
WATCH = """
  window.seen = { renewed: [], states: [], rang: [] };
  addEventListener('DOMContentLoaded', () => {
    const line = document.getElementById('line'), dialog = document.getElementById('ringing');
    new MutationObserver(() => seen.states.push([Date.now() / 1000, line.dataset.state]))
      .observe(line, { attributes: true, attributeFilter: ['data-state'] });
    new MutationObserver(() => dialog.open && seen.rang.push(Date.now() / 1000))
      .observe(dialog, { attributes: true, attributeFilter: ['open'] });
  });
"""
T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own, for the proxy and the caller: the browser has this one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="shift")
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Proxy:
    """TCP to a port of loopback. `stop` resets what goes through it, as the end of a proxy does."""

    def __init__(self, to: int) -> None:
        self.to, self.port = to, free_port()
        self.through: dict[asyncio.Task[Any], set[asyncio.StreamWriter]] = {}

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._joined, "127.0.0.1", self.port)

    async def stop(self) -> None:
        self.server.close()
        for writer in set().union(*self.through.values()):
            writer.transport.abort()
        if self.through:
            await asyncio.wait(self.through, timeout=5)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = asyncio.current_task()
        assert mine is not None
        self.through[mine] = {writer}
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.to)
            self.through[mine].add(onward)
            await asyncio.gather(self._pass(reader, onward), self._pass(there, writer))
        except OSError:
            writer.transport.abort()
        finally:
            del self.through[mine]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(64 * 1024):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()


@pytest.fixture
def instance() -> Iterator[Instance]:
    with Instance(DJANGO_SETTINGS_MODULE="tests.dashboard.lives_in_small") as one:
        yield one


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def proxy(instance: Instance, beside: Loop) -> Iterator[Proxy]:
    between = Proxy(instance.port)
    beside.run(between.start())
    yield between
    beside.run(between.stop())


class Shift:
    """The page, who calls it, and what went wrong."""

    def __init__(self, page: Any, one: Instance, beside: Loop, caller: str) -> None:
        self.page, self.one, self.beside, self.caller = page, one, beside, caller
        self.rings: dict[int, float] = {}
        self.missed: list[str] = []
        self.back: list[str] = []

    def seen(self, what: str) -> list[Any]:
        return self.page.evaluate(f"seen.{what}")

    def dial(self, number: int, address: str) -> None:
        """One call; it is answered by turns with being declined."""
        phone = SoftPhone("carol", self.caller, self.one.url.replace("http", "ws", 1) + "/ws/phone", 440.0)
        rang = len(self.seen("rang"))
        try:
            begun = self.beside.run(self._call(phone, address))
            self._meet(phone, rang, number, begun)
        except (Missing, AssertionError) as why:
            self.missed.append(f"dial {number}: {why}")
        finally:
            self.beside.run(phone.close())

    async def _call(self, phone: SoftPhone, address: str) -> float:
        await phone.come_online()
        sdp = await phone.offer()
        begun = time.time()
        await phone.send("call.create", req_id="dial", destination=address, sdp=sdp)
        phone.call_id = (await phone.expect("call.trying"))["call_id"]
        await phone.take_answer()
        return begun

    def _meet(self, phone: SoftPhone, rang: int, number: int, begun: float) -> None:
        wait_for(lambda: len(self.seen("rang")) > rang, 10, "a ring on the page")
        self.rings[number] = self.seen("rang")[rang] - begun
        if number % 2 == 0:
            self.page.locator("#answer").click()
            self.beside.run(phone.expect("call.answered", call_id=phone.call_id))
            self.page.get_by_role("article").get_by_text("Connected").wait_for()
            self.beside.run(phone.send("call.hangup", call_id=phone.call_id))
        else:
            self.page.locator("#decline").click()
        self.beside.run(phone.expect("call.ended", call_id=phone.call_id))
        self.page.get_by_role("article").wait_for(state="detached")
        self.page.locator("#ringing").wait_for(state="hidden")

    def is_fresh(self) -> bool:
        renewed = self.seen("renewed")
        return bool(renewed) and time.time() - renewed[-1] < FRESH

    def comes_back(self, what: str, begun: float, up: float) -> None:
        """Waits until the page, offline after `begun`, says Online; `up`: when it could be again."""
        states: list[list[Any]] = []

        def online() -> bool:
            states[:] = [[at, state] for at, state in self.seen("states") if at >= begun]
            return bool(states) and (states[0][1], states[-1][1]) == ("lost", "ready")

        wait_for(online, BACK, lambda: f"{what}: Online, {states}, {self.page.inner_text('body')[:300]!r}")
        back = states[-1][0]
        self.back.append(f"{what}: away {up - begun:.1f} s, Online {back - up:+.1f} s after it was up")
        self.page.get_by_text("Online", exact=True).wait_for()

    def restart_instance(self) -> None:
        begun = time.time()
        assert self.one.process is not None
        self.one.process.send_signal(signal.SIGTERM)
        self.one.process.wait(30)
        self.one.__enter__()  # on the same data directory and ports
        self.comes_back("instance", begun, time.time())

    def restart_proxy(self, proxy: Proxy) -> None:
        begun = time.time()
        self.beside.run(proxy.stop())
        self.page.wait_for_timeout(1000 * PROXY_AWAY)
        self.beside.run(proxy.start())
        self.comes_back("proxy", begun, time.time())


def begin(browser: Any, one: Instance, beside: Loop, port: int) -> tuple[Shift, str]:
    """Alice's page through the proxy, online; and her address."""
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    caller = one.api("POST", TOKENS, {"reference": "carol", "expire_at": late})["token"]
    pair = one.api("POST", TOKENS, {"reference": "alice", "display_name": "Alice Adams"})
    page = browser.new_context(permissions=["microphone"]).new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(WATCH)
    page.goto(f"http://127.0.0.1:{port}/phone#token={pair['token']}&refresh={pair['refresh_token']}")
    page.get_by_text("Online", exact=True).wait_for()
    # `void`: Playwright would call the function that `on` gives back, which takes the listener off again
    page.evaluate("void phone.on('token.refreshed', () => seen.renewed.push(Date.now() / 1000))")
    return Shift(page, one, beside, caller), page.evaluate("phone.subscriber.address")


def test_each_of_sixty_calls_rings_on_the_page(browser, instance, proxy, beside) -> None:
    shift, address = begin(browser, instance, beside, proxy.port)
    due, begun = list(RESTARTS), time.monotonic()
    for number in range(DIALS):
        left = begun + number * SECONDS / DIALS - time.monotonic()
        shift.page.wait_for_timeout(max(0.0, 1000 * left))
        if number == PROXY_RESTART:
            shift.restart_proxy(proxy)
        if due and number >= due[0] and shift.is_fresh():
            due.pop(0)
            shift.restart_instance()
        shift.dial(number, address)
    took = time.monotonic() - begun
    renewals, rings = len(shift.seen("renewed")), sorted(shift.rings.values())
    cuts = statistics.quantiles(rings, n=20, method="inclusive") if len(rings) > 1 else [0.0] * 19
    print(
        f"\n{DIALS} dials in {took:.0f} s: {len(shift.missed)} missed; ring p50 {1000 * cuts[9]:.0f} ms, "
        f"p95 {1000 * cuts[18]:.0f} ms; {renewals} renewals of the token"
    )
    slowest = sorted(shift.rings.items(), key=lambda each: -each[1])[:5]
    print("slowest: " + ", ".join(f"dial {number} {1000 * ring:.0f} ms" for number, ring in slowest))
    print("\n".join([*shift.back, *shift.missed]))
    assert shift.missed == []
    assert len(rings) == DIALS and due == []
    assert renewals >= took // 60
