"""Browser phones on a real platform: real sockets and media workers, sound and picture measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from calling import models, sweep
from tests.dashboard.conftest import PATIENCE
from tests.dashboard.platform import WebProcess
from tests.e2e.conftest import start_worker, worker  # noqa: F401 the same workers as other whole calls
from tests.support.people import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.sample(3)]

# The energy that arrived in the last half second: sound that flows, not a connection that claims to.
HEARS = """async ({ peer, least }) => {
  const call = phone.activeCalls.find((one) => !peer || [one.from, one.to, one.fromName].includes(peer));
  const energy = async () => {
    const found = [...(await call.peerConnection.getStats()).values()];
    return found.filter((r) => r.type === 'inbound-rtp' && r.kind === 'audio').reduce((sum, r) => sum
      + r.totalAudioEnergy, 0);
  };
  const before = await energy();
  await new Promise((done) => setTimeout(done, 500));
  return (await energy()) - before > least;
}"""


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def web(child_environment, tmp_path, cast) -> Iterator[WebProcess]:
    process = WebProcess({**child_environment, "CALLWRIGHT_DATA_DIR": str(tmp_path)}, tmp_path / "web.log")
    process.wait_until_ready()
    yield process
    process.stop()


@pytest.fixture
def phone(browser, web, worker, cast) -> Iterator[Callable]:  # noqa: F811
    """`phone("alice")` opens her phone page and waits until it is online."""
    contexts = []

    def open_phone(name: str):
        context = browser.new_context(permissions=["microphone", "camera"])
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{web.url}/phone#token={getattr(cast, name).token}")
        page.get_by_text("Online", exact=True).wait_for()
        return page

    yield open_phone
    for context in contexts:
        context.close()


def dial(page, destination: str, video: bool = False) -> None:
    page.get_by_label("Who to call").fill(destination)
    page.locator("#dial-video" if video else "#dial button.good").click()


def answer(page, name: str = "Answer") -> None:
    page.locator("#ringing").wait_for()
    page.locator("#answer-video" if name == "With camera" else "#answer").click()


def card(page, who: str):
    return page.get_by_role("article", name=f"Call with {who}")


def hears(page, peer: str = "", least: float = 1e-6) -> None:
    """Waits until sound arrives in the call with `peer` (any call where empty)."""
    for _ in range(20):
        if page.evaluate(HEARS, {"peer": peer, "least": least}):
            return
    raise AssertionError(f"no sound in the call with {peer or 'anybody'}")


def test_two_phones_talk_hold_and_hang_up(phone):
    alice, bob = phone("alice"), phone("bob")
    dial(alice, "/private/bob")
    card(alice, "/private/bob").get_by_text("Ringing").wait_for()
    answer(bob)
    card(alice, "/private/bob").get_by_text("Connected").wait_for()
    hers, his = card(alice, "/private/bob"), card(bob, "Alice")
    his.get_by_text("Connected").wait_for()
    hears(alice)
    hears(bob)
    hers.get_by_role("button", name="Hold").click()
    his.get_by_text("On hold by them").wait_for()
    hers.get_by_role("button", name="Resume").click()
    his.get_by_text("Connected").wait_for()
    hears(bob)
    his.get_by_role("button", name="Hang up").click()
    hers.wait_for(state="detached")
    assert "Ended" in alice.locator("#log").inner_text()


# A browser that has closed the socket (1001) before the page can say anything, as Firefox does.
MUTE = """() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) { if (!text.includes('call.hangup')) send.call(this, text); };
  WebSocket.prototype.close = () => {};
}"""


@pytest.mark.parametrize("leave", ["navigates", "reloads"])
def test_who_leaves_the_page_without_a_word_is_hung_up_within_three_seconds(phone, leave):
    alice, bob = phone("alice"), phone("bob")
    dial(alice, "/private/bob")
    answer(bob)
    his = card(bob, "Alice")
    his.get_by_text("Connected").wait_for()
    alice.evaluate(MUTE)
    left = time.monotonic()
    alice.goto("about:blank") if leave == "navigates" else alice.reload()
    while models.Call.objects.exclude(state="ended").exists():
        assert time.monotonic() - left < 6, "a loaded machine has twice the time"
        sweep.sweep_deadlines()
        time.sleep(0.1)
    his.wait_for(state="detached")
    call = models.Call.objects.get()
    assert (call.end_reason, call.end_cause) == ("hangup", "device_lost")
    print(f"\nhung up {time.monotonic() - left:.1f} s after the page was left", end=" ")


def test_two_phones_see_each_other(phone):
    alice, bob = phone("alice"), phone("bob")
    dial(alice, "/private/bob", video=True)
    answer(bob, "With camera")
    for page in (alice, bob):
        page.wait_for_function(
            "() => document.querySelector('.stage video:not(.own)')?.videoWidth > 0", timeout=20_000
        )
        hears(page)


def test_the_echo_returns_sound_and_picture(phone):
    alice = phone("alice")
    dial(alice, "/public/echo", video=True)
    card(alice, "/public/echo").get_by_text("Connected").wait_for()
    hears(alice)
    alice.wait_for_function(
        "() => document.querySelector('.stage video:not(.own)')?.videoWidth > 0", timeout=20_000
    )


def test_keys_are_heard_as_digits_on_the_other_side(phone):
    alice, bob = phone("alice"), phone("bob")
    dial(alice, "/private/bob")
    answer(bob)
    hers = card(alice, "/private/bob")
    hers.get_by_text("Connected").wait_for()
    hears(bob)
    hers.get_by_role("button", name="Keypad").click()
    hers.get_by_role("button", name="7", exact=True).click()
    bob.get_by_text("Alice pressed 7").wait_for()


def test_a_blind_transfer_connects_the_other_two(phone):
    alice, bob, carol = phone("alice"), phone("bob"), phone("carol")
    dial(alice, "/private/bob")
    answer(bob)
    hers = card(alice, "/private/bob")
    hers.get_by_text("Connected").wait_for()
    hers.get_by_role("button", name="Transfer", exact=True).click()
    hers.get_by_label("Transfer to").fill("/private/carol")
    hers.get_by_role("button", name="Transfer now").click()
    answer(carol)
    hers.wait_for(state="detached")
    assert "Transferred" in alice.locator("#log").inner_text()
    hears(bob)
    hears(carol)


def test_an_attended_transfer_asks_first_and_then_connects(phone):
    alice, bob, carol = phone("alice"), phone("bob"), phone("carol")
    dial(alice, "/private/bob")
    answer(bob)
    hers = card(alice, "/private/bob")
    hers.get_by_text("Connected").wait_for()
    hers.get_by_role("button", name="Transfer", exact=True).click()
    hers.get_by_label("Transfer to").fill("/private/carol")
    hers.get_by_role("button", name="Consult first").click()
    answer(carol)
    card(alice, "/private/carol").get_by_text("Connected").wait_for()
    card(bob, "Alice").get_by_text("On hold by them").wait_for()
    hears(carol)
    hers.get_by_role("button", name="Connect them").click()
    hers.wait_for(state="detached")
    card(alice, "/private/carol").wait_for(state="detached")
    hears(bob)
    hears(carol)
    for page, name, gone in ((bob, "Carol", "Alice"), (carol, "Bob", "Alice")):
        card(page, name).wait_for()
        assert gone not in page.locator("#calls").inner_text(), "who is gone is named"


def test_busy_and_nobody_are_told(phone):
    alice = phone("alice")
    alice.evaluate("() => { window.faults = []; phone.on('error', (error) => faults.push(error.message)); }")
    dial(alice, "/public/busy")
    alice.wait_for_function("() => document.querySelector('#log').textContent.includes('Busy')")
    alice.wait_for_timeout(500)  # for what was on its way when it ended
    assert alice.evaluate("faults") == [] and not alice.locator("#announce.bad").is_visible()
    dial(alice, "/private/nobody-by-that-name")
    alice.locator("#announce.bad").wait_for()


def test_closing_the_page_hangs_up_at_once(phone):
    alice, bob = phone("alice"), phone("bob")
    dial(alice, "/private/bob")
    answer(bob)
    card(bob, "Alice").get_by_text("Connected").wait_for()
    alice.close(run_before_unload=False)
    card(bob, "Alice").wait_for(state="detached", timeout=5_000)


def test_three_phones_meet_in_a_room(phone, cast):
    from subscribers.models import Address, Room

    room = Room.objects.create(project=cast.project, name="standup", display_name="Stand-up")
    Address.objects.create(
        project=cast.project, context="public", name="standup", kind="room", resource_id=room.pk
    )
    pages = [phone(name) for name in ("alice", "bob", "carol")]
    for page in pages:
        dial(page, "/public/standup", video=True)
        card(page, "/public/standup").get_by_text("Connected").wait_for()
    for page in pages:
        hears(page)
        page.wait_for_function(
            "() => document.querySelector('.stage video:not(.own)')?.videoWidth > 0", timeout=20_000
        )


def test_a_call_outlives_the_web_process(phone, web):
    alice, bob = phone("alice"), phone("bob")
    dial(alice, "/private/bob")
    answer(bob)
    hers = card(alice, "/private/bob")
    hers.get_by_text("Connected").wait_for()
    hears(alice)
    hears(bob)
    device = alice.evaluate("phone.deviceId")
    web.kill()
    alice.get_by_text("Reconnecting").wait_for()
    hears(alice)  # the sound does not go through the web process
    web.start()
    for page in (alice, bob):
        page.get_by_text("Online", exact=True).wait_for(timeout=15_000)
    assert alice.evaluate("phone.deviceId") == device
    hers.get_by_role("button", name="Hold").click()
    card(bob, "Alice").get_by_text("On hold by them").wait_for()
    hers.get_by_role("button", name="Hang up").click()
    card(bob, "Alice").wait_for(state="detached")
