"""Captions with the real recogniser: what a person says in one browser is read on the phone page of another.

The person is a recorded prompt (`bench.people`), which Chromium takes for bob's microphone.
"""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.people import Prompt, advice, prompts, word_errors, words
from calling.media.codecs.audio_codecs import resample
from calling.speech import installed
from calling.speech.frames import RATE
from tests.dashboard.conftest import CHROMIUM, FLAGS
from tests.dashboard.platform import WebProcess
from tests.dashboard.test_phone_pages_call_each_other import answer, dial
from tests.e2e.conftest import start_worker  # noqa: F401 the same workers as other whole calls
from tests.support.people import Cast, make_cast
from tests.support.wait import wait_for

pytestmark = [
    pytest.mark.soak_only,
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not installed.recognisers(Path("/nonexistent")),
        reason="needs the packages of requirements-speech.lock",
    ),
]
SPEECH = {"CALLWRIGHT_SPEECH_WORKERS": "1"}
MICROPHONE = 48000
MOST_WRONG = 0.3  # of a sentence's words: "most of them are right"


def sentence() -> Prompt:
    """The first that ends no sentence within itself: one caption."""
    found = [each for each in prompts("en") if 8 <= len(words(each.text, "en")) <= 12]
    if not found:
        pytest.skip(advice("en"))
    return found[0]


@pytest.fixture
def said(tmp_path: Path) -> tuple[Prompt, Path]:
    """A sentence, and a microphone's file with it and pauses around it, which Chromium repeats."""
    prompt = sentence()
    quiet = np.zeros(2 * RATE, np.int16)
    sound = resample(np.concatenate((quiet, prompt.sound(), quiet)), RATE, MICROPHONE)
    with wave.open(str(tmp_path / "microphone.wav"), "wb") as file:
        file.setparams((1, 2, MICROPHONE, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    return prompt, tmp_path / "microphone.wav"


@pytest.fixture
def cast(transactional_db: None, settings: Any) -> Cast:
    settings.CALLWRIGHT_SPEECH_WORKERS = 1  # this process stands for the web's, where it takes requests
    return make_cast()


@pytest.fixture
def platform(
    child_environment: dict[str, str],
    tmp_path: Path,
    cast: Cast,
    start_worker: Callable[..., object],  # noqa: F811
) -> Iterator[WebProcess]:
    """A web process, a media worker and a speech worker."""
    environment = {**child_environment, **SPEECH, "CALLWRIGHT_DATA_DIR": str(tmp_path)}
    ears = subprocess.Popen([sys.executable, "manage.py", "speech"], env=environment, start_new_session=True)
    web = WebProcess(environment, tmp_path / "web.log")
    try:
        start_worker(**SPEECH)
        web.wait_until_ready()
        wait_for((tmp_path / "speech" / "1.sock").exists, 60, "the speech worker")
        yield web
    finally:
        web.stop()
        ears.kill()
        ears.wait(5)


@pytest.fixture
def phone(platform: WebProcess, cast: Cast, said: tuple[Prompt, Path]) -> Iterator[Callable[[str], Any]]:
    """`phone("bob")` opens his phone page in a browser of its own; bob's microphone is the file."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright")
    if CHROMIUM is None:
        pytest.skip("browser tests need Debian's chromium")
    with sync_api.sync_playwright() as playwright:
        running = []

        def open_phone(name: str) -> Any:
            speaks = [f"--use-file-for-fake-audio-capture={said[1]}"] if name == "bob" else []
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *speaks])
            running.append(browser)
            context = browser.new_context(permissions=["microphone", "camera"])
            context.set_default_timeout(60_000)
            page = context.new_page()
            page.goto(f"{platform.url}/phone#token={getattr(cast, name).token}")
            page.get_by_text("Online", exact=True).wait_for()
            return page

        yield open_phone
        for browser in running:
            browser.close()


def test_the_line_below_a_call_shows_most_words_that_were_said(phone, cast: Cast, said: tuple[Prompt, Path]):
    alice, bob = phone("alice"), phone("bob")
    dial(alice, "/private/bob")
    answer(bob)
    hers, his = alice.locator("article.call"), bob.locator("article.call")
    hers.get_by_text("Connected").wait_for()
    call_id = alice.evaluate("phone.activeCalls[0].id")
    asked = {"leg": "callee", "captions": True, "language": "en-US"}
    assert cast.rest.post(f"/api/calls/{call_id}/transcribe", asked).status_code == 200
    line = hers.locator(".caption")
    try:
        line.wait_for(
            timeout=240_000
        )  # the recogniser is loaded first, which a busy machine takes its time for
    except Exception as why:
        told = cast.rest.get(f"/api/calls/{call_id}/events?page_size=200").json()["data"]
        raise AssertionError([each for each in told if "transcribe" in each["type"]]) from why
    spoken = words(said[0].text, "en")

    def shown() -> list[str]:
        who, _, text = line.inner_text().partition(": ")
        assert who == "Bob"
        return words(text, "en")

    best: list[str] = []
    for _ in range(300):  # the sentence is said every few seconds, and a partial one is shown before it
        now = shown()
        if word_errors(spoken, now) < word_errors(spoken, best):
            best = now
        if word_errors(spoken, best) <= MOST_WRONG * len(spoken):
            break
        alice.wait_for_timeout(100)
    print(f"\nsaid: {' '.join(spoken)}\nshown: {' '.join(best)}")
    assert word_errors(spoken, best) <= MOST_WRONG * len(spoken)
    assert line.get_attribute("aria-live") == "polite"
    assert his.locator(".caption").inner_text().startswith("You: ")
