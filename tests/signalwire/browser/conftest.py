"""One instance, one browser and one page server for all tests of the unmodified SDK."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from bench.softphone import SoftPhone, stay_on_loopback
from tests.e2e.desk import Desk
from tests.signalwire.browser import stage
from tests.signalwire.browser.stage import Page

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need Playwright")
NEEDED = all(shutil.which(program) for program in ("npm", "node")) and Path(stage.CHROMIUM).exists()


@pytest.fixture(scope="session", autouse=True)
def _tools() -> None:
    if not NEEDED:
        pytest.skip("npm, node and Chromium are needed for the real SDK in a real browser")


@pytest.fixture(scope="session")
def instance() -> Iterator[Instance]:
    with stage.start_instance() as running:
        yield running


@pytest.fixture(scope="session")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("page")
    stage.bundle(directory)
    server = stage.serve(directory)
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()


# Not for the session: between its calls Playwright's loop counts as running in this thread, and no
# asynchronous test of a later module could run.
@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Any]:
    trust = f"--ignore-certificate-errors-spki-list={stage.spki_of(instance)}"
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=stage.CHROMIUM, headless=True, args=[*stage.FLAGS, trust]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def token(instance: Instance) -> Callable[[str], str]:
    def make(reference: str) -> str:
        answer = instance.api("POST", "/api/fabric/subscribers/tokens", {"reference": reference})
        return str(answer["token"])

    return make


@pytest.fixture
def tab(browser: Any, page_url: str, token: Callable[[str], str]) -> Iterator[Callable[..., Page]]:
    """`tab('alice')`: a page whose SDK is ready and online. `permitted=False`: no camera permission."""
    contexts = []

    def open_tab(
        who: str, *, permitted: bool = True, given: str | None = None, query: str = "", start: bool = True
    ) -> Page:
        context = browser.new_context(permissions=["camera", "microphone"] if permitted else [])
        contexts.append(context)
        page = Page(context.new_page(), page_url + query)
        if start:
            page.run("start", given or token(who))
        return page

    yield open_tab
    for context in contexts:
        context.close()


class PhoneThread:
    """A `/ws/phone` device with media beside the browser, in an event loop of its own thread."""

    def __init__(self, name: str, token: str, url: str, hertz: float) -> None:
        stay_on_loopback()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        socket = url.replace("http://", "ws://") + "/ws/phone"
        self.phone = SoftPhone(name, token, socket, hertz)
        self.run(self.phone.come_online())

    def run(self, work: Any, seconds: float = 15.0) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.run(self.phone.close(), 5)
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def phone(instance: Instance, token: Callable[[str], str]) -> Iterator[Callable[..., PhoneThread]]:
    phones: list[PhoneThread] = []

    def come(who: str, hertz: float = 500.0) -> PhoneThread:
        phones.append(PhoneThread(who, token(who), instance.url, hertz))
        return phones[-1]

    yield come
    for each in phones:
        each.close()


class Phones:
    """Desk phones and trunks beside the browser, in an event loop of their own thread."""

    def __init__(self, instance: Instance) -> None:
        self.edge_port = int(instance.environment["CALLWRIGHT_SIP_PORT"])
        self.loop = asyncio.new_event_loop()
        self.open: list[Desk] = []
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, work: Any, seconds: float = 20.0) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def desk(self, username: str, password: str) -> Desk:
        desk = Desk(self.edge_port, username, password, 660.0)
        self.run(desk.__aenter__())
        self.open.append(desk)
        return desk

    def hears(self, desk: Desk, page: Page) -> None:
        """Chromium's fake microphone beeps once a second."""
        page.until(lambda: (desk.sound.loudest() or 0) > 100, "a beep at the desk phone")

    def close(self) -> None:
        for desk in self.open:
            self.run(desk.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def phones(instance: Instance) -> Iterator[Phones]:
    made = Phones(instance)
    yield made
    made.close()


@pytest.fixture
def desk(instance: Instance, phones: Phones) -> Desk:
    """The registered desk phone of dave."""
    given = instance.api("POST", "/api/fabric/subscribers/tokens", {"reference": "dave"})
    path = f"/api/fabric/resources/subscribers/{given['subscriber_id']}/sip_endpoints"
    if not instance.api("GET", path)["data"]:
        instance.api("POST", path, {"username": "dave-desk", "password": "a long secret"})
    phone = phones.desk("dave-desk", "a long secret")
    assert phones.run(phone.register()) == 200
    return phone
