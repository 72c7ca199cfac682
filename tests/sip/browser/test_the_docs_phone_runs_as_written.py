"""The phone of docs/sip.md, word for word but for its host: it registers, calls, is called and is heard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from tests.sip.browser import stage
from tests.sip.browser.conftest import Tab

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GUIDE = Path(__file__).parents[3] / "docs" / "sip.md"


def snippet(instance: Instance) -> str:
    found = re.search(r"```js\n(import JsSIP.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    lines = found[1].strip().splitlines()
    assert len(lines) <= 15 and lines[0] == "import JsSIP from 'jssip';"
    text = "\n".join(["const { JsSIP } = await import('/bundle.js');", *lines[1:]])
    text = text.replace("wss://calls.example.com", instance.url.replace("http", "ws"))
    return text.replace("calls.example.com", "localhost")


def test_it_calls_and_is_called(tab: Tab, browser: Any, page_url: str, instance: Instance) -> None:
    bob = tab("JsSIP", "bob", 620.0)
    stage.endpoint(instance, "alice")
    context = browser.new_context(permissions=["microphone"])
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(page_url)
    page.evaluate(f"async () => {{ {snippet(instance)} }}")
    his = bob.rings()
    bob.run("answer", his)
    bob.reaches(his, "confirmed")
    bob.until(lambda: bob.loudest(his) is not None, "beep of Chromium's fake microphone")
    bob.run("end", his)
    back = bob.run("dial", "alice")
    bob.reaches(back, "confirmed")
    bob.until(lambda: bob.loudest(back) is not None, "beep of Chromium's fake microphone")
    bob.run("end", back)
    context.close()
