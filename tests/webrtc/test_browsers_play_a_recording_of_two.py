"""Browsers play a recording with a party on each channel, whose packets went to the file as they came."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from calling.media.codecs.opus import OpusEncoder
from calling.media.codecs.track_reader import TrackReader
from calling.media.recording.recorder import Recorder, Settings
from calling.sdp.model import Codec
from tests.webrtc.browser_phone import BrowserPhone
from tests.webrtc.chromium import Chromium
from tests.webrtc.firefox import Firefox
from tests.webrtc.own_network import Network

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(120)]

RATE, FRAME, STEPS = 48000, 960, 100
PITCHES = """
    const bytes = Uint8Array.from(atob(args[0]), c => c.charCodeAt(0));
    const sound = await new OfflineAudioContext(2, 48000, 48000).decodeAudioData(bytes.buffer);
    const pitches = [];
    for (let channel = 0; channel < sound.numberOfChannels; channel++) {
        const wave = sound.getChannelData(channel).slice(24000, 72000);
        let rises = 0;
        for (let i = 1; i < wave.length; i++) if (wave[i - 1] < 0 && wave[i] >= 0) rises++;
        pitches.push(rises * 48000 / wave.length);
    }
    return pitches;
"""


async def recorded(path: Path) -> bytes:
    """alice says 400 Hz on the left, bob 900 Hz on the right."""
    voices = [(TrackReader(), OpusEncoder(RATE), hertz) for hertz in (400, 900)]
    recorder = Recorder(path, [ear for ear, _, _ in voices], Settings(stereo=True))
    opus = Codec("opus", RATE, 2, 111)
    for step in range(STEPS):
        at = np.arange(step * FRAME, (step + 1) * FRAME) / RATE
        for ear, encoder, hertz in voices:
            payload = encoder.encode((np.sin(2 * np.pi * hertz * at) * 10000).astype(np.int16))
            ear.packet(memoryview(payload), opus, step, step * FRAME, False, 20)
        recorder._tick()
    recorder.stop()
    return path.read_bytes()


def a_chromium(network: Network) -> BrowserPhone:
    pytest.importorskip("playwright.sync_api", reason="tests of Chromium need playwright")
    return Chromium(network, 500)


def a_firefox(network: Network) -> BrowserPhone:
    return Firefox(network, None, 500)


@pytest.mark.parametrize(
    "opened",
    [
        pytest.param(a_chromium, marks=pytest.mark.needs("chromium"), id="chromium"),
        pytest.param(a_firefox, marks=pytest.mark.needs("firefox-esr"), id="firefox"),
    ],
)
def test_each_channel_is_heard(
    opened: Callable[[Network], BrowserPhone], network: Network, tmp_path: Path
) -> None:
    file = asyncio.run(recorded(tmp_path / "two.ogg"))
    browser = opened(network)
    try:
        browser.goto("about:blank")
        left, right = browser.evaluate(PITCHES, base64.b64encode(file).decode())
    finally:
        browser.close()
    assert left == pytest.approx(400, abs=10) and right == pytest.approx(900, abs=10)
