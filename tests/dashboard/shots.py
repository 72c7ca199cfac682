"""`python -m tests.dashboard.shots docs/screenshots`: every page of a running instance, to be looked at.

Starts an instance of its own with a carrier beside it, lets people call each other on real phone pages, and
takes each page in light, dark and at a phone's width. Exit status 1 where a page scrolls sideways, breaks its
policy, throws, or axe-core (where `npm ci` brought it) finds something serious. Pictures of situations that
only a fake platform can hold still are not taken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from playwright.sync_api import Browser, Page, sync_playwright

from bench.instance import Instance
from bench.receiver import Receiver
from bench.softphone import stay_on_loopback
from tests.dashboard.carrier import Carrier
from tests.dashboard.conftest import CHROMIUM, FLAGS
from tests.dashboard.demo_content import PASSWORD, Life
from tests.support.ports import free_port

SIZES = {"light": (1280, 860), "dark": (1280, 860), "narrow": (390, 844)}
TALLEST = {"light": 1400, "dark": 1400, "narrow": 2000}
LARGEST = 150_000  # bytes of one picture
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
# Text that does not fit its box, other than what may scroll or is only for screen readers.
CUT = """() => [...document.querySelectorAll('main *, header *, nav *')].filter((one) => {
  const style = getComputedStyle(one);
  return ['hidden', 'clip'].includes(style.overflowX) && !one.closest('.unseen, svg, select')
    && style.textOverflow !== 'ellipsis' && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1;
}).map((one) => one.outerHTML.slice(0, 90))"""


def fewer_colours(path: Path) -> None:
    """The same picture with at most 255 colours: a third of the bytes."""
    with av.open(str(path)) as given:
        frame = next(given.decode(video=0)).reformat(format="rgb24")
    frame.pts = 0
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
    )
    split, sink = graph.add("split"), graph.add("buffersink")
    palette, use = graph.add("palettegen", "max_colors=255"), graph.add("paletteuse", "dither=none")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    graph.push(frame)
    graph.push(None)
    picture = graph.pull()
    picture.pts = 0
    with av.open(str(path), "w", format="image2") as kept:
        stream = kept.add_stream("png")
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "pal8"
        stream.options = {"compression_level": "9", "pred": "none"}
        kept.mux([*stream.encode(picture), *stream.encode()])


class Camera:
    """Takes the pictures and keeps what is wrong with the pages."""

    def __init__(self, target: Path) -> None:
        self.target, self.faults, self.taken = target, list[str](), 0
        self.axe = AXE.read_text() if AXE.exists() else ""
        self.doing = "nothing yet"

    def watch(self, page: Page) -> Page:
        page.on("pageerror", lambda error: self.fault(str(error)))
        page.on("console", lambda said: "Content Security" in said.text and self.fault(said.text))
        return page

    def fault(self, words: str) -> None:
        self.faults.append(f"{self.doing}: {words}")
        print(f"  ! {self.faults[-1]}", flush=True)

    def shoot(self, page: Page, name: str, whole: bool = True) -> None:
        """`<name>-{light,dark,narrow}.png`; `whole`: all of a long page, not only what a window shows."""
        self.doing = name
        for variant, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme="dark" if variant == "dark" else "light", reduced_motion="reduce")
            page.wait_for_timeout(250)
            wide, tall = page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            )
            if wide > width:
                self.fault(f"{variant} scrolls sideways: {wide} > {width}")
            for cut in page.evaluate(CUT):
                self.fault(f"{variant} cuts {cut}")
            tall = min(tall, TALLEST[variant]) if whole else height
            path = self.target / f"{name}-{variant}.png"
            page.screenshot(
                path=path,
                full_page=whole,
                clip={"x": 0, "y": 0, "width": width, "height": max(tall, height if not whole else 1)},
            )
            fewer_colours(path)
            self.taken += 1
            if path.stat().st_size > LARGEST:
                self.fault(f"{variant} has {path.stat().st_size} bytes")
            if variant != "narrow":
                self.examine(page, variant)

    def examine(self, page: Page, variant: str) -> None:
        """axe-core's serious and critical findings."""
        if not self.axe:
            return
        page.evaluate(self.axe)
        found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
        for finding in found["violations"]:
            if finding["impact"] in ("serious", "critical"):
                self.fault(f"{variant} {finding['id']}: {finding['nodes'][0]['html'][:160]}")


def phones(camera: Camera, life: Life) -> None:
    """The phone page from the door to two calls at once; leaves the staff's pages something to show."""
    camera.shoot(camera.watch(life.blank_phone()), "phone-entry")
    alice = camera.watch(life.phone("alice"))
    camera.shoot(alice, "phone-idle")
    life.begin(alice)
    camera.shoot(alice, "phone-video")
    camera.shoot(life.room_page, "phone-room")


def second_call(camera: Camera, life: Life) -> None:
    alice = life.phones["alice"]
    life.ring_alice()
    camera.shoot(alice, "phone-ringing", whole=False)
    alice.get_by_role("button", name="Hold and answer").click()
    alice.get_by_role("button", name="Swap calls").wait_for()
    alice.get_by_role("button", name="Transfer", exact=True).last.click()
    camera.shoot(alice, "phone-two-calls")


def staff(camera: Camera, life: Life, desk: Page) -> None:
    """Every page of the dashboard as its owner sees it."""
    places = life.places()
    for name, path in places.items():
        desk.goto(life.one.url + path)
        desk.get_by_role("heading", level=1).first.wait_for()
        camera.shoot(desk, f"dashboard-{name}")
    for name, path in {"admin": "/admin/", "admin-calls": "/admin/calling/call/"}.items():
        desk.goto(life.one.url + path)
        desk.wait_for_load_state("load")
        camera.doing = name
        desk.set_viewport_size({"width": 1280, "height": 860})
        desk.emulate_media(color_scheme="light")
        desk.screenshot(path=camera.target / f"{name}-light.png")
        fewer_colours(camera.target / f"{name}-light.png")
        camera.taken += 1


def viewer(camera: Camera, life: Life, desk: Page) -> None:
    """Somebody with less rights switches the second factor on and comes again."""
    life.sign_in(desk, "vera")
    desk.goto(life.one.url + "/dashboard/second-factor")
    camera.shoot(desk, "dashboard-second-factor")
    life.second_factor(desk)
    desk.goto(life.one.url + "/dashboard/sign-in")
    camera.shoot(desk, "dashboard-own-sign-in")
    desk.goto(life.one.url + "/dashboard/health/examination")
    camera.shoot(desk, "dashboard-refused")
    desk.context.clear_cookies()
    life.sign_in(desk, "vera", wait=False)
    camera.shoot(desk, "dashboard-code")


@contextmanager
def stage(target: Path) -> Iterator[tuple[Camera, Life, Browser]]:
    stay_on_loopback()
    receiver = Receiver(lambda event, why: None)
    variables = {"CALLWRIGHT_SIP_PORT": str(free_port()), "CALLWRIGHT_ADMIN_PASSWORD": PASSWORD}
    with Carrier() as carrier, Instance(**variables) as one, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Camera(target), Life(one, carrier, receiver, browser), browser
        browser.close()
    receiver.close()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.dashboard.shots")
    parser.add_argument("target", type=Path)
    target: Path = parser.parse_args(arguments).target
    with stage(target) as (camera, life, browser):
        desk = camera.watch(browser.new_context().new_page())
        desk.set_default_timeout(15_000)
        desk.goto(life.one.url + "/dashboard/")
        camera.shoot(desk, "dashboard-login")
        life.sign_in(desk, "admin")
        life.settle_money(desk)
        life.furnish()
        phones(camera, life)
        staff(camera, life, desk)
        second_call(camera, life)
        viewer(camera, life, camera.watch(browser.new_context().new_page()))
    axe = "axe-core ran" if camera.axe else "without axe-core"
    print(f"{camera.taken} pictures, {len(camera.faults)} faults, {axe}")
    return 1 if camera.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
