"""The outbound guide's page as the documentation ships it: nothing but the token's origin is Callwright's.

The page imports the SDK from its CDN; the browser gets the same package from disk instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.signalwire.browser import stage

PICTURES = os.environ.get("CALLWRIGHT_SCREENSHOTS")
PAGES = Path(__file__).resolve().parents[3] / "docs" / "signalwire"
CDN = "https://esm.sh/**"
SHOWN = """() => {
  const video = document.getElementById('remote');
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  return frames > 10 && video.srcObject.getAudioTracks().length === 1;
}"""


@pytest.fixture
def guide(browser: Any, page_url: str, tmp_path: Path) -> Iterator[Any]:
    server = stage.serve(PAGES)
    stage.bundle(tmp_path)
    size = {"width": 800, "height": 900}
    context = browser.new_context(permissions=["camera", "microphone"], viewport=size)
    page = context.new_page()
    sdk = (tmp_path / "bundle.js").read_text()
    page.route(CDN, lambda route: route.fulfill(content_type="text/javascript", body=sdk))
    page.goto(f"http://localhost:{server.server_port}/outbound.html")
    yield page
    context.close()
    server.shutdown()


def statuses(page: Any) -> list[str]:
    words = page.inner_text("#log").splitlines()
    return [word.removeprefix("Status: ") for word in words if word.startswith("Status: ")]


def test_the_page_dials_shows_both_pictures_and_hangs_up(guide: Any, token: Callable[[str], str]) -> None:
    guide.fill("#token", token("john.doe@example.com"))
    guide.click("#dial")
    guide.wait_for_function(SHOWN, timeout=20_000)
    if PICTURES:
        guide.screenshot(path=f"{PICTURES}/signalwire-outbound.png")
    guide.click("#hangup")
    guide.wait_for_function("() => document.getElementById('log').textContent.includes('destroyed')")
    assert statuses(guide) == stage.WHOLE


def test_a_destination_that_the_token_may_not_reach_is_told_at_once(
    guide: Any, token: Callable[[str], str]
) -> None:
    guide.fill("#token", token("john.doe@example.com"))
    guide.fill("#destination", "+15551234567")
    guide.click("#dial")
    guide.wait_for_function("() => document.getElementById('log').textContent", timeout=20_000)
    assert guide.inner_text("#log").strip() == "CallCreateError: Call creation failed"
