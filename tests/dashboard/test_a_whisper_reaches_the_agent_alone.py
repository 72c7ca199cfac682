"""A supervisor whispers from the call's page: the agent's phone page hears it, the caller's has it at least
60 dB below full scale. Three Chromium contexts with a tone each on a real platform, measured by spectrum."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from calling import models
from tests.dashboard.test_phone_pages_call_each_other import (
    answer,
    card,
    cast,  # noqa: F401
    dial,
    web,  # noqa: F401
    worker,  # noqa: F401
)
from tests.e2e.conftest import start_worker  # noqa: F401
from tests.e2e.test_supervisors_are_heard_by_whom_they_should import SILENT_DB, level

pytestmark = [
    pytest.mark.soak_only,
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timing,
    pytest.mark.timeout(240),
]

# No sum, difference or low multiple of two of them is near the third.
ALICE, BOB, OLGA = 400.0, 650.0, 1470.0
HEARD_DB = -40.0

# The microphone of a page is a sine at a quarter of full scale.
TONE = """
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const sine = new OscillatorNode(context, { frequency: HERTZ });
    const out = context.createMediaStreamDestination();
    sine.connect(new GainNode(context, { gain: 0.25 })).connect(out);
    sine.start();
    return out.stream;
  };
"""
# Two thirds of a second of what arrives in the page's call, as [rate, samples].
ARRIVES = """async () => {
  const peer = phone.activeCalls[0].peerConnection;
  const track = peer.getReceivers().find((one) => one.track.kind === 'audio').track;
  window.ear ??= { context: new AudioContext() };
  if (ear.track !== track) {
    ear.track = track;
    ear.analyser = new AnalyserNode(ear.context, { fftSize: 32768 });
    ear.context.createMediaStreamSource(new MediaStream([track])).connect(ear.analyser);
  }
  await ear.context.resume();
  await new Promise((done) => setTimeout(done, 32768 / ear.context.sampleRate * 1000 + 50));
  const samples = new Float32Array(32768);
  ear.analyser.getFloatTimeDomainData(samples);
  return [ear.context.sampleRate, [...samples]];
}"""


def with_tone(browser: Any, hertz: float) -> Any:
    context = browser.new_context(permissions=["microphone"])
    context.set_default_timeout(20_000)
    context.add_init_script(TONE.replace("HERTZ", str(hertz)))
    return context.new_page()


def levels(page: Any) -> dict[float, float]:
    """How loud each tone is in a page's call, in dB of full scale."""
    rate, samples = page.evaluate(ARRIVES)
    wave = np.array(samples) * 32768
    return {hertz: level(wave, rate, hertz) for hertz in (ALICE, BOB, OLGA)}


def heard(page: Any, *tones: float, seconds: float = 20.0) -> dict[float, float]:
    """The levels as soon as those tones are there."""
    end = time.monotonic() + seconds
    while True:
        found = levels(page)
        if all(found[hertz] > HEARD_DB for hertz in tones):
            return found
        assert time.monotonic() < end, (tones, found)


@pytest.fixture
def pages(browser: Any, web: Any, worker: Any, cast: Any) -> Callable[[], tuple[Any, Any, Any]]:  # noqa: F811
    """alice's and bob's phone pages and olga's dashboard."""
    olga = User.objects.create_user("olga")
    models.StaffRole.objects.create(user=olga, project=cast.project, role="operator")
    opened = []
    for name, hertz in (("alice", ALICE), ("bob", BOB)):
        page = with_tone(browser, hertz)
        page.goto(f"{web.url}/phone#token={getattr(cast, name).token}")
        page.get_by_text("Online", exact=True).wait_for()
        opened.append(page)
    desk = with_tone(browser, OLGA)
    client = Client()
    client.force_login(olga)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    desk.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": web.url}])
    yield (*opened, desk)
    for page in (*opened, desk):
        page.context.close()


def test_the_caller_has_it_sixty_decibels_below_full_scale(pages, web, cast):  # noqa: F811
    alice, bob, desk = pages
    dial(alice, "/private/bob")
    answer(bob)
    card(alice, "/private/bob").get_by_text("Connected").wait_for()
    heard(alice, BOB)
    heard(bob, ALICE)
    call = models.Call.objects.get(supervises=None)
    desk.goto(f"{web.url}/dashboard/calls/{call.pk}")
    desk.get_by_role("button", name="Listen in").click()
    desk.get_by_text("You hear the call. Nobody hears you.").wait_for()
    for page in (alice, bob):
        assert heard(page)[OLGA] <= SILENT_DB, "a listener is not heard"

    desk.get_by_role("radio", name="(callee)").check()
    desk.get_by_text("Only the chosen party hears you.").wait_for()
    whispered = heard(bob, ALICE, OLGA)
    for _ in range(6):
        leaked = heard(alice, BOB)
        print(f"agent {whispered[OLGA]:.1f} dB, caller {leaked[OLGA]:.1f} dB")
        assert leaked[OLGA] <= SILENT_DB
    assert heard(bob, OLGA)[OLGA] > HEARD_DB, "the agent heard it all the while"

    desk.get_by_role("radio", name="Everybody").check()
    heard(alice, BOB, OLGA)
    heard(bob, ALICE, OLGA)
    desk.get_by_role("radio", name="Nobody").check()
    desk.get_by_text("You hear the call. Nobody hears you.").wait_for()
    time.sleep(1)
    assert heard(alice, BOB)[OLGA] <= SILENT_DB and heard(bob, ALICE)[OLGA] <= SILENT_DB
    desk.get_by_role("button", name="Stop listening").click()
    desk.get_by_role("button", name="Listen in").wait_for()

    end = time.monotonic() + 10
    while not (done := models.StaffAction.objects.filter(action="call.supervising_ended")):
        assert time.monotonic() < end
        time.sleep(0.1)
    noted = models.StaffAction.objects.filter(action="call.supervising").order_by("id")
    assert [row.detail["mode"] for row in noted] == ["listen", "whisper", "barge", "listen"]
    assert {(row.name, row.subject) for row in [*noted, *done]} == {("olga", str(call.pk))}
