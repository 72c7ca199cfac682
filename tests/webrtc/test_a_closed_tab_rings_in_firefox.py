"""Firefox with the phone's tab closed: a dial's push message shows who calls, and the next how that ended."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Iterator

import pytest

from calling import models
from tests.dashboard.platform import WebProcess
from tests.support import fake_worker
from tests.support.people import Cast, make_cast
from tests.support.wait import wait_for
from tests.webhooks.sweeps import Sweep
from tests.webrtc.firefox import Firefox
from tests.webrtc.own_network import Network
from tests.webrtc.push_service import PushService

pytestmark = [pytest.mark.slow, pytest.mark.timing, pytest.mark.processes]
pytestmark += [pytest.mark.needs("firefox-esr"), pytest.mark.timeout(300)]

QUOTA = 2  # messages that showed nothing; Firefox's own number is 16
LOOKS_AFTER = 3  # seconds after a message: Firefox's own
SECONDS = 2  # from the dial to the notice
LOADED_SECONDS = 15  # beside other tests
# Another page of the same site looks on: which notices are shown, and when each was seen first.
WATCH = """
  window.seen = new Map();
  window.shown = [];
  window.titles = new Set();
  const look = async () => {
    const registration = await navigator.serviceWorker.getRegistration('/phone');
    window.shown = (await registration.getNotifications()).map(({ tag, title }) => ({ tag, title }));
    for (const { title } of shown) titles.add(title);
    for (const { tag } of shown) if (!seen.has(tag)) seen.set(tag, Date.now() / 1000);
    setTimeout(look, 20);
  };
  look();
"""


class Here(Network):
    """This machine's own network: a push needs loopback alone."""

    def command(self, *words: str) -> list[str]:
        return list(words)

    def connect(self, port: int, host: str = "127.0.0.1", seconds: float = 10.0) -> socket.socket:
        return socket.create_connection((host, port), seconds)


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService(socket.create_server(("127.0.0.1", 0))) as running:
        yield running


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def closed(cast: Cast, child_environment, tmp_path, service: PushService) -> Iterator[Firefox]:  # type: ignore[no-untyped-def]
    """A Firefox in which bob has switched push messages on and closed his phone's tab."""
    more: dict[str, bool | int | str] = {
        "alerts.useSystemBackend": False,  # there is no desktop: Firefox draws the notice itself
        "dom.push.enabled": True,
        "dom.push.maxQuotaPerSubscription": QUOTA,
        "dom.push.quotaUpdateDelay": 1000 * LOOKS_AFTER,
        "dom.push.connection.enabled": True,
        "dom.push.serverURL": service.url,
        "dom.push.testing.allowInsecureServerURL": True,
        "dom.webnotifications.requireuserinteraction": False,
        "permissions.default.desktop-notification": 1,
        "network.manage-offline-status": False,
    }
    web = WebProcess({**child_environment, "CALLWRIGHT_DATA_DIR": str(tmp_path)}, tmp_path / "web.log")
    sweep = Sweep(child_environment, tmp_path / "sweep.log")
    firefox = Firefox(Here("here"), None, 500, more=more)
    try:
        web.wait_until_ready()
        firefox.come_online(cast.bob.token, web.url)
        firefox.evaluate("document.querySelector('#push').click()")
        firefox.until("document.querySelector('#announce').textContent.includes('also while this page')")
        phone = firefox.page.command("WebDriver:GetWindowHandle")
        other = firefox.page.command("WebDriver:NewWindow", {"type": "tab"})["handle"]
        firefox.page.command("WebDriver:CloseWindow")
        assert phone not in firefox.page.command("WebDriver:GetWindowHandles")
        firefox.page.command("WebDriver:SwitchToWindow", {"handle": other})
        firefox.goto(f"{web.url}/dashboard/login")
        firefox.evaluate(WATCH)
        yield firefox
    finally:
        firefox.close()
        sweep.kill()
        web.stop()


def dial(cast: Cast) -> str:
    answer = cast.alice.rest.post("/api/calls", {"to": cast.bob.address, "sdp": fake_worker.SDP})
    assert answer.status_code == 201, answer.content
    call = str(answer.json()["id"])
    fake_worker.carry(call)
    return call


def hang_up(cast: Cast, call: str) -> None:
    assert cast.alice.rest.post(f"/api/calls/{call}/hangup").status_code < 300


def shown(firefox: Firefox) -> list[dict[str, str]]:
    return list(firefox.evaluate("return window.shown;"))


def test_a_dial_is_shown_within_two_seconds_and_until_it_is_over(
    closed: Firefox, cast: Cast, service: PushService, figure: Callable[[int, int], int]
) -> None:
    took: list[float] = []
    for _ in range(figure(5, 12)):
        began = time.time()
        call = dial(cast)
        wait_for(lambda call=call: [each for each in shown(closed) if each["tag"] == call], 20, "the notice")
        took.append(float(closed.evaluate("return seen.get(args[0]);", call)) - began)
        assert {"tag": call, "title": "Alice is calling"} in shown(closed)
        hang_up(cast, call)
        missed = {"tag": f"{call} over", "title": "Missed call from Alice"}
        wait_for(lambda missed=missed: missed in shown(closed), 20, "the missed call")
    assert service.refused == []
    print(f"\na closed tab rang after {statistics.median(took):.2f} s, at most {max(took):.2f} s", end=" ")
    assert statistics.median(took) < figure(LOADED_SECONDS, SECONDS), took


def test_a_call_that_is_over_is_a_missed_one_to_a_browser_that_was_away(
    closed: Firefox, cast: Cast, service: PushService
) -> None:
    service.held = True
    call = dial(cast)
    wait_for(lambda: service._waiting, 20, "the message to wait")
    begun = list(service._waiting.values())
    hang_up(cast, call)
    wait_for(lambda: list(service._waiting.values()) not in ([], begun), 20, "the end in its place")
    before = service.acknowledged
    assert len(service.release()) == 1
    wait_for(lambda: service.acknowledged > before, 20, "the browser to have it")
    wait_for(lambda: shown(closed), 20, "the notice")
    assert closed.evaluate("return [...titles];") == ["Missed call from Alice"]


@pytest.mark.parametrize("ends", ["answered", "missed"])
def test_the_subscription_outlives_more_calls_than_firefox_lets_pass_unseen(
    closed: Firefox, cast: Cast, service: PushService, ends: str
) -> None:
    """With no page of the site open, Firefox ends it after `QUOTA` messages that showed nothing 3 s later."""
    closed.goto("about:blank")
    for _ in range(QUOTA + 1):
        before = service.acknowledged
        call = dial(cast)
        wait_for(lambda before=before: service.acknowledged > before, 20, "the browser to have the dial")
        if ends == "answered":
            answer = cast.bob.rest.post(f"/api/calls/{call}/answer", {"sdp": fake_worker.SDP})
            assert answer.status_code == 200, answer.content
        else:
            hang_up(cast, call)
        wait_for(lambda before=before: service.acknowledged > before + 1, 20, "the browser to have the end")
        time.sleep(LOOKS_AFTER + 0.5)
    assert service.unregistered == 0
    assert models.PushSubscription.objects.count() == 1
