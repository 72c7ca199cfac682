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
