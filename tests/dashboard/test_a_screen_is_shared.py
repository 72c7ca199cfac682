"""The phone page shows a screen to the other party and to a room, beside the camera; it ends alone."""

from __future__ import annotations

import pytest

from calling import models
from tests.dashboard.test_four_tabs_meet_in_a_room import PEOPLE, SECONDS, cast, hears, shows, tab  # noqa: F401
from tests.dashboard.test_phone_pages_call_each_other import answer, card, dial, web  # noqa: F401
from tests.e2e.conftest import start_worker, worker  # noqa: F401 the same workers as other whole calls

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timing, pytest.mark.timeout(600)]
pytestmark += [pytest.mark.sample(2)]

# Chromium's fake screen is wide and changes all the time; the cameras of the cast are of one colour, 160×120.
SCREENS = """() => [...document.querySelectorAll('.stage video:not(.own)')]
  .filter((tile) => !tile.hidden && tile.videoWidth / tile.videoHeight > 1.5)"""
SEES_SCREEN = f"""(wanted) => {{
  const found = ({SCREENS})();
  const moving = found.map((tile) => tile.getVideoPlaybackQuality().totalVideoFrames);
  const before = window.framesBefore ?? moving;
  window.framesBefore = moving;
  return found.length === wanted && moving.every((frames, at) => frames > (before[at] ?? 0));
}}"""


def sees_screens(page, wanted: int) -> None:
    page.evaluate("() => { window.framesBefore = undefined; }")
    page.wait_for_function(SEES_SCREEN, arg=wanted, timeout=SECONDS, polling=700)


def sees_both(page, name: str) -> None:
    """A screen, and beside it the colour of that person's camera."""
    page.wait_for_function(
        f"""(wanted) => ({SCREENS})().length === 1 && colours().length === 2 && colours().some((one) =>
          wanted.reduce((sum, value, at) => sum + Math.abs(value - one[at]), 0) < 120)""",
        arg=PEOPLE[name][1],
        timeout=SECONDS,
    )


# The screen that the browser gave last.
REMEMBER = """() => {
  const native = navigator.mediaDevices.getDisplayMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getDisplayMedia = async (wish) => {
    const stream = await native(wish);
    [window.lastScreen] = stream.getVideoTracks();
    return stream;
  };
}"""


def share(page, who: str) -> None:
    card(page, who).get_by_role("button", name="Share screen").click()
    card(page, who).get_by_role("button", name="Stop sharing").wait_for()
    card(page, who).get_by_text("Sharing your screen").wait_for()


def talk(tab, video: bool = True):  # noqa: F811
    alice, bob = tab("alice"), tab("bob")
    alice.evaluate(REMEMBER)
    dial(alice, "/private/bob", video=video)
    answer(bob, "With camera" if video else "Answer")
    card(alice, "/private/bob").get_by_text("Connected").wait_for()
    card(bob, "Alice").get_by_text("Connected").wait_for()
    hears(bob, "alice")
    return alice, bob


def test_the_other_party_sees_it_beside_the_camera_until_the_button_stops_it(tab):  # noqa: F811
    alice, bob = talk(tab)
    shows(bob, "alice")
    share(alice, "/private/bob")
    sees_screens(bob, 1)
    sees_both(bob, "alice")
    card(alice, "/private/bob").get_by_role("button", name="Stop sharing").click()
    card(alice, "/private/bob").get_by_role("button", name="Share screen").wait_for()
    shows(bob, "alice")
    hears(bob, "alice")
    hears(alice, "bob")
    assert alice.evaluate("phone.activeCalls.length") == 1
    share(alice, "/private/bob")  # and once more
    sees_screens(bob, 1)
    card(bob, "Alice").get_by_role("button", name="Hang up").click()
    card(alice, "/private/bob").wait_for(state="detached")
    alice.wait_for_function("() => window.lastScreen.readyState === 'ended'", timeout=SECONDS)
    for _ in range(100):
        if not models.Call.objects.exclude(state="ended").exists():
            break
        alice.wait_for_timeout(100)
    assert not models.Call.objects.exclude(state="ended").exists(), "the screen ends with its call"


def test_a_call_without_pictures_shows_one_and_the_browser_s_own_stop_ends_it_alone(tab):  # noqa: F811
    alice, bob = talk(tab, video=False)
    share(alice, "/private/bob")
    sees_screens(bob, 1)
    # What the browser's own bar does: the track ends without a word of the page.
    alice.evaluate("() => { lastScreen.stop(); lastScreen.dispatchEvent(new Event('ended')); }")
    card(alice, "/private/bob").get_by_role("button", name="Share screen").wait_for()
    sees_screens(bob, 0)
    hears(bob, "alice")
    hears(alice, "bob")


def test_a_room_sees_the_screen_and_who_shares_it(tab, cast):  # noqa: F811
    from subscribers import provisioning

    provisioning.create_room(cast.project.id, {"name": "standup"})
    pages = {name: tab(name) for name in ("alice", "bob", "carol")}
    for page in pages.values():
        dial(page, "/public/standup", video=True)
        card(page, "/public/standup").get_by_text("Connected").wait_for()
    shows(pages["bob"], "alice", "carol")
    share(pages["alice"], "/public/standup")
    for name in ("bob", "carol"):
        sees_screens(pages[name], 1)
        pages[name].get_by_role("region", name="In this room").get_by_text("Shares a screen").wait_for()
    assert pages["alice"].evaluate(f"({SCREENS})().length") == 0, "her own screen is not shown to her"
    card(pages["alice"], "/public/standup").get_by_role("button", name="Stop sharing").click()
    shows(pages["bob"], "alice", "carol")
    hears(pages["carol"], "alice", "bob")


def test_an_echo_is_nobody_to_share_with_and_the_call_goes_on(tab):  # noqa: F811
    alice = tab("alice")
    alice.evaluate(REMEMBER)
    dial(alice, "/public/echo")
    card(alice, "/public/echo").get_by_text("Connected").wait_for()
    card(alice, "/public/echo").get_by_role("button", name="Share screen").click()
    alice.get_by_text("Your screen cannot be shared: There is nobody to share with.").wait_for()
    alice.wait_for_function("() => window.lastScreen.readyState === 'ended'")
    hears(alice, "alice")
