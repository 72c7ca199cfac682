"""Transport-wide congestion control with real browsers: what a browser takes its link to carry follows the
link within seconds, because the platform tells it when each packet came. Sound goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG
from tests.media.test_chromium_hears_and_sees import CHROMIUM, FLAGS
from tests.support.wait import until
from tests.webrtc import narrow_link
from tests.webrtc.narrow_link import BUSY_PICTURE, OURS
from tests.webrtc.test_a_halved_link_gets_a_smaller_layer import ANSWER

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timing,
    pytest.mark.soak_only,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="browser tests need Debian's chromium"),
]

WIDE, HALF = 800, 400  # kbit/s: the picture of a slow machine takes 600
CAMERA = (
    "async () => {"
    + BUSY_PICTURE
    + """
  const context = new AudioContext(), tone = context.createOscillator();
  const out = context.createMediaStreamDestination();
  tone.connect(out); tone.start();
  const pc = window.pc = new RTCPeerConnection();
  pc.addTrack(out.stream.getTracks()[0]);
  pc.addTrack(canvas.captureStream(20).getTracks()[0]);
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((done) => setTimeout(done, 600));
  return pc.localDescription.sdp;
}"""
)
AVAILABLE = """async () => {
  for (const each of (await pc.getStats()).values())
    if (each.type === 'candidate-pair' && each.nominated) return each.availableOutgoingBitrate / 1000;
}"""


async def estimates(page: Page, seconds: int) -> list[float]:
    found = []
    for _ in range(seconds * 2):
        await asyncio.sleep(0.5)
        found.append(await page.evaluate(AVAILABLE))
    return found


async def test_what_chromium_may_send_follows_its_link(tmp_path: Path) -> None:
    why = narrow_link.obstacle()
    if why is not None:
        pytest.skip(why)
    with narrow_link.narrow_link() as link:
        link.bring(WIDE)
        inside = tmp_path / "chromium"
        inside.write_text(f'#!/bin/sh\nexec {" ".join(link.network.command(str(CHROMIUM)))} "$@"\n')
        inside.chmod(0o755)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=str(inside), args=FLAGS)
            peer = WebRtcPeer(replace(CONFIG, more=((OURS, OURS),)), lambda signal: None)
            try:
                page = await browser.new_page()
                await page.evaluate(ANSWER, await peer.answer(await page.evaluate(CAMERA)))
                await until(lambda: peer.port.up, 15, "a connection")
                wide = await estimates(page, 15)
                _, before, packets = peer.port.audio_in.totals()
                link.bring(HALF)
                half = await estimates(page, 12)
                _, after, got = peer.port.audio_in.totals()
                link.bring(WIDE)
                again = await estimates(page, 20)
            finally:
                await peer.close()
                await browser.close()
    print(f"\nwhat Chromium may send (kbit/s, each half second), load {os.getloadavg()[0]:.0f}:")
    for carried, found in ((WIDE, wide), (HALF, half), (WIDE, again)):
        print(f"  over {carried}: {' '.join(f'{each:.0f}' for each in found)}")
    print(f"  sound while it was halved: {after - before} packets, {got - packets} came")
    assert statistics.median(wide[-10:]) > WIDE * 0.6
    assert HALF * 0.5 < statistics.median(half[-12:]) < HALF * 1.1
    assert max(half[6:]) < HALF * 1.2, "it is told of the link within 3 s"
    assert statistics.median(again[-6:]) > HALF * 1.1
    assert got - packets > 0.95 * (after - before), "the sound of the browser is lost in the queue"
