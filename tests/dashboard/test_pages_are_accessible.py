"""axe-core on every page, light and dark: no finding that it calls serious or critical."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.dashboard.test_phone_page import dial, ring
from tests.dashboard.test_signing_in_needs_the_second_factor import with_factor
from tests.dashboard.test_staff_pages_are_looked_at import PAGES, furnished, path_of  # noqa: F401

HERE = Path(__file__).parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, fetched by npm at the version of package-lock.json."""
    if not AXE.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("axe-core comes by npm, which is not installed")
        fetched = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, timeout=100, check=False
        )
        if fetched.returncode or not AXE.exists():
            pytest.skip("npm could not fetch axe-core")
    return AXE.read_text()


def serious(page, axe: str) -> list[str]:
    """Each serious or critical finding as one line, in both colour schemes."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(axe)
        result = page.evaluate("axe.run({ resultTypes: ['violations'] })")
        found += [
            f"{scheme} {finding['id']}: {node['html'][:160]}"
            for finding in result["violations"]
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]
    return found


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", PAGES)
def test_a_staff_page_has_no_serious_finding(desk, furnished, axe, name):  # noqa: F811
    page = desk(path_of(name, furnished), "root")
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert serious(page, axe) == [], width


# Whether what has the focus is on the page, in sight and marked; else what it is.
UNMARKED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const marked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const seen = box.width > 2 && box.height > 2 && box.right > 0 && box.bottom > 0
    && box.left < innerWidth && box.top < innerHeight;
  const what = one.outerHTML.slice(0, 120);
  return marked && seen ? '' : `${marked ? '' : 'no outline '}${seen ? '' : 'out of sight '}${what}`;
}"""


def unmarked(page) -> list[str]:
    """Goes through a page by Tab; what takes the focus without a sign of it."""
    found, steps = [], 0
    while steps < 150 and (said := page.keyboard.press("Tab") or page.evaluate(UNMARKED)) is not None:
        found += [said] if said else []
        steps += 1
    assert steps > 3
    return found


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", PAGES)
def test_who_uses_the_keyboard_sees_where_they_are(desk, furnished, name):  # noqa: F811
    page = desk(path_of(name, furnished), "root")
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        assert unmarked(page) == [], width


def test_who_uses_the_keyboard_on_the_phone_sees_where_they_are(softphone):
    dial(softphone, "/private/bob")
    softphone.get_by_role("article").get_by_text("Connected").wait_for()
    softphone.evaluate("document.activeElement.blur()")
    assert unmarked(softphone) == []


def test_the_door_has_no_serious_finding(page, live_server, world, axe):
    page.goto(live_server.url + "/dashboard/login")
    assert serious(page, axe) == []
    with_factor(world)
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Second factor").wait_for()
    assert serious(page, axe) == []


def test_the_phone_has_no_serious_finding_in_any_situation(softphone, axe):
    assert serious(softphone, axe) == []
    dial(softphone, "/private/bob")
    softphone.get_by_role("article").locator(".quality summary").wait_for()
    softphone.get_by_role("button", name="Keypad").last.click()
    softphone.get_by_role("button", name="Transfer", exact=True).click()
    assert serious(softphone, axe) == []
    ring(softphone)
    softphone.get_by_role("dialog").wait_for()
    assert serious(softphone, axe) == []


def test_the_check_itself_sees_what_is_wrong(softphone, axe):
    softphone.evaluate(
        """() => {
          const bad = document.createElement('button');
          document.querySelector('main:not([hidden])').append(bad);
        }"""
    )
    assert any("button-name" in finding for finding in serious(softphone, axe))
