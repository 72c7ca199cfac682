"""One instance, one browser and one page server for all tests of browsers' SIP libraries."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from tests.signalwire.browser.stage import CHROMIUM, FLAGS, serve, spki_of
from tests.sip.browser import stage
from tests.sip.browser.stage import WebPhone

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need Playwright")
NEEDED = all(shutil.which(program) for program in ("npm", "node")) and Path(CHROMIUM).exists()

Tab = Callable[..., WebPhone]


@pytest.fixture(scope="session", autouse=True)
def _tools() -> None:
    if not NEEDED:
        pytest.skip("npm, node and Chromium are needed for JsSIP and SIP.js in a real browser")


@pytest.fixture(scope="session")
def instance() -> Iterator[Instance]:
    with stage.start_instance() as running:
        yield running


@pytest.fixture(scope="session")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("page")
    stage.bundle(directory)
    server = serve(directory)
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()


# Not for the session: between its calls Playwright's loop counts as running in this thread, and no
# asynchronous test of a later module could run.
@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Any]:
    trust = f"--ignore-certificate-errors-spki-list={spki_of(instance)}"
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*FLAGS, trust])
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Any, page_url: str, instance: Instance) -> Iterator[Tab]:
    """`tab("JsSIP", "alice", 440)`: a page whose phone is registered as alice and sends that tone.

    secure: over wss://, with the certificate that the instance made.
    """
    contexts = []

    def open_tab(
        library: str, who: str, hertz: float, *, wait: bool = True, secure: bool = False
    ) -> WebPhone:
        context = browser.new_context(permissions=["microphone"])
        context.set_default_timeout(15_000)
        contexts.append(context)
        phone = WebPhone(context.new_page(), page_url, library, hertz)
        phone.start(stage.socket(instance, secure), stage.endpoint(instance, who))
        if wait:
            phone.registered()
        return phone

    yield open_tab
    for context in contexts:
        context.close()
