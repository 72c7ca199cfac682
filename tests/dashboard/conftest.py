"""One Chromium for all browser tests; pages whose platform is a fake inside the page."""

from __future__ import annotations

import mimetypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

# Playwright's sync interface keeps an event loop in this thread; the rows are still read by one thread only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "calling" / "dashboard" / "static"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# How long a page may take, in ms: only a test that fails waits for it. With a tenth of a core, the first page
# of a process takes 16 s, as templates, catalogues and scripts are read for the first time.
PATIENCE = 60_000
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whatever opens a page needs Chromium."""
    if "browser" in getattr(item, "fixturenames", ()):
        item.add_marker("browser")


# Not for the session: between its calls Playwright's loop counts as running in this thread, and no
# asynchronous test of a later module could run.
@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium with fake microphone and camera."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright")
    if CHROMIUM is None:
        pytest.skip("browser tests need Debian's chromium")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=2 * PATIENCE)
        yield running
        running.close()


@pytest.fixture
def page(browser) -> Iterator[object]:
    """A page that fails its test on any script error or refused piece of content."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: "Content Security Policy" in message.text and faults.append(message.text),
    )
    yield page
    context.close()
    assert faults == []


def serve_static(page) -> None:
    """Answers http://localhost/static/… from the source tree: no server needed for the module alone."""

    def fulfil(route) -> None:
        path = STATIC / route.request.url.split("/static/", 1)[1].split("?")[0]
        kind = mimetypes.guess_type(path.name)[0] or "text/plain"
        route.fulfill(body=path.read_bytes(), content_type=kind)

    page.route("http://localhost/static/**", fulfil)


@pytest.fixture
def module(page) -> object:
    """A blank page with `phone` connected to the fake platform, and `heard`: what listeners were told."""
    serve_static(page)
    page.route("http://localhost/blank", lambda route: route.fulfill(body="<!doctype html><title>x</title>"))
    page.add_init_script(path=HERE / "fake_platform.js")
    page.goto("http://localhost/blank")
    page.evaluate(
        """async () => {
          const { Phone, CallError } = await import('/static/callwright.js');
          window.Phone = Phone; window.CallError = CallError; window.heard = [];
          window.phone = new Phone({ token: 'good' });
          window.listen = (call) => {
            for (const type of ['trying','ringing','answered','held','resumed','muted','unmuted','dtmf',
              'transferring',
                                'transferred','transferFailed','ended','track','error'])
              call.on(type, (...args) => heard.push([type,
                ...args.filter((arg) => typeof arg === 'string')].join(' ')));
            return call;
          };
          window.until = async (test) => {
            for (let i = 0; i < 300 && !test(); i++) await new Promise((done) => setTimeout(done, 20));
            if (!test()) throw new Error('never: ' + test + ' heard: ' + heard.join(', '));
          };
          await phone.connect();
        }"""
    )
    return page


ADDRESSES = {
    "data": [
        {
            "id": f"a{number}",
            "name": name,
            "display_name": shown,
            "type": kind,
            "channels": {"audio": f"{address}?channel=audio", "video": f"{address}?channel=video"},
        }
        for number, (address, name, shown, kind) in enumerate(
            [
                ("/private/bob", "bob", "Bob Builder", "subscriber"),
                ("/private/carol", "carol", "Carol Danvers", "subscriber"),
                ("/public/standup", "standup", "Stand-up room", "room"),
                ("/public/support", "support", "Support line", "app"),
            ]
        )
    ],
    "links": {},
}


@pytest.fixture
def softphone(page) -> object:
    """The real `/phone` page with its real headers, on the fake platform, online as alice."""
    open_softphone(page)
    page.get_by_text("Online", exact=True).wait_for()
    return page


def open_softphone(page, language: str = "en", token: str = "good") -> None:
    """The same in another language, not yet online; without a token: with what its tab's storage holds."""
    from django.template.loader import render_to_string
    from django.utils import translation

    from calling.dashboard.content_security_policy import CONTENT

    serve_static(page)
    page.add_init_script(path=HERE / "fake_platform.js")
    with translation.override(language):
        body = render_to_string("dashboard/phone.html")
    headers = {"Content-Security-Policy": CONTENT, "Content-Type": "text/html; charset=utf-8"}
    page.route("http://localhost/phone", lambda route: route.fulfill(body=body, headers=headers))
    page.route("http://localhost/api/fabric/addresses?*", lambda route: route.fulfill(json=ADDRESSES))
    page.goto(f"http://localhost/phone#token={token}" if token else "http://localhost/phone")


# --- the staff pages, on the real application ---------------------------------------------------------


@pytest.fixture
def world(db):
    """A project with subscribers and calls, a second project for mallory, and one person per role."""
    from tests.dashboard.sample_data import build
    from tests.support.fixtures import forget_failures

    forget_failures()
    return build()


@pytest.fixture
def desk(page, live_server, world):
    """`desk(path, person)` opens a page of the dashboard, signed in as that person."""
    from django.conf import settings
    from django.test import Client

    def open_page(path: str = "/dashboard/", person: str = "olga"):
        client = Client()
        client.force_login(world.people[person])
        page.context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                    "url": live_server.url,
                }
            ]
        )
        page.goto(live_server.url + path)
        return page

    return open_page
