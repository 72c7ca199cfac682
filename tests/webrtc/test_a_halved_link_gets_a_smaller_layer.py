"""A viewer whose link is halved sees the smaller layer within 1 s, and the larger one within 10 s of more.

The link has been full for a while before, so that the viewer's browser has an estimate of it that can fall.
Chromium sends its camera in three layers; another Chromium, on a network of its own behind a link that tc
makes narrow and wide, sees one of them. Times are from the change of the link to the first picture of
another size in the viewer's browser.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG
from tests.media.test_chromium_hears_and_sees import CHROMIUM, FLAGS
from tests.support.wait import until
from tests.webrtc import narrow_link
from tests.webrtc.narrow_link import BUSY_PICTURE, OURS, NarrowLink

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timing,
    pytest.mark.soak_only,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="browser tests need Debian's chromium"),
]

WIDE, HALF = 2400, 1200  # kbit/s: the largest layer fits, and only the middle one does
DOWN, UP = 1.0, 10.0
ROUNDS = 3
USED = 20.0  # seconds for which a link has been full when it is halved
LARGE = 1.3e6  # bits per second of the largest layer: more than half of the link

CAMERA = (
    "async () => {"
    + BUSY_PICTURE
    + """
  const pc = window.pc = new RTCPeerConnection();
  const [track] = canvas.captureStream(20).getTracks();
  pc.addTransceiver(track, { sendEncodings: [{ rid: 'f', maxBitrate: 1500000 },
    { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500000 },
    { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150000 }] });
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((done) => setTimeout(done, 600));
  return pc.localDescription.sdp;
}"""
)
EYES = """async () => {
  const pc = window.pc = new RTCPeerConnection();
  pc.addTransceiver('video', { direction: 'recvonly' });
  window.seen = [];
  pc.ontrack = ({ track }) => {
    const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
    video.srcObject = new MediaStream([track]);
    video.onresize = () => seen.push([Date.now() / 1000, video.videoWidth]);
    document.body.append(video);
  };
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((done) => setTimeout(done, 600));
  return pc.localDescription.sdp;
}"""
ANSWER = "(sdp) => pc.setRemoteDescription({ type: 'answer', sdp })"


@dataclass
class Viewer:
    page: Page
    link: NarrowLink
    peer: WebRtcPeer
    camera: WebRtcPeer

    async def width(self) -> int:
        """Pixels of what is seen now; 0 before the first picture."""
        found: int = await self.page.evaluate("seen.length ? seen.at(-1)[1] : 0")
        return found

    async def used(self) -> None:
        """Wait until the largest layer has been seen for a while at its full rate."""
        end, since = time.monotonic() + 60, time.monotonic()
        while time.monotonic() - since < USED:
            layers = self.camera.port.video_in.simulcast
            assert layers is not None and time.monotonic() < end, "the largest layer does not stay"
            if await self.width() != 960 or max(layer.rate for layer in layers.live) < LARGE:
                since = time.monotonic()
            await asyncio.sleep(0.1)

    async def change(self, kilobits: int, larger: bool, width: int) -> float:
        """Seconds from a change of the link until a picture that is wider, or narrower, than `width`."""
        begun = time.time()
        self.link.carry(kilobits)
        for _ in range(300):
            after = [(at, wide) for at, wide in await self.page.evaluate("seen") if at >= begun]
            found = [at for at, wide in after if (wide >= width if larger else wide < width)]
            if found:
                return found[0] - begun
            await asyncio.sleep(0.1)
        raise AssertionError(f"the picture did not change within 30 s of {kilobits} kbit/s")


async def joins(page: Page, script: str, layered: bool, peers: list[WebRtcPeer]) -> WebRtcPeer:
    peer = WebRtcPeer(replace(CONFIG, more=((OURS, OURS),)), lambda signal: None)
    peers.append(peer)
    peer.layered = layered
    await page.evaluate(ANSWER, await peer.answer(await page.evaluate(script)))
    await until(lambda: peer.port.up, 15, "a connection")
    return peer


@contextlib.asynccontextmanager
async def viewer(folder: Path) -> AsyncIterator[Viewer]:
    """Alice's camera is seen by bob, at full size, through a wide link."""
    peers: list[WebRtcPeer] = []
    with narrow_link.narrow_link() as link:
        link.carry(WIDE)
        inside = folder / "chromium"
        inside.write_text(f'#!/bin/sh\nexec {" ".join(link.network.command(str(CHROMIUM)))} "$@"\n')
        inside.chmod(0o755)
        async with async_playwright() as playwright:
            near = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            far = await playwright.chromium.launch(executable_path=str(inside), args=FLAGS)
            try:
                alice = await joins(await near.new_page(), CAMERA, True, peers)
                page = await far.new_page()
                bob = await joins(page, EYES, False, peers)
                bob.port.set_video_source(alice.port)
                yield Viewer(page, link, bob, alice)
            finally:
                for peer in peers:
                    await peer.close()
                await near.close()
                await far.close()


async def test_a_layer_down_within_1_s_and_up_within_10(tmp_path: Path) -> None:
    why = narrow_link.obstacle()
    if why is not None:
        pytest.skip(why)
    down, up = [], []
    async with viewer(tmp_path) as bob:
        for _ in range(ROUNDS):
            await bob.used()
            down.append(await bob.change(HALF, False, 960))
            await asyncio.sleep(6)
            up.append(await bob.change(WIDE, True, 960))
    load = os.getloadavg()[0]
    print(f"\nlayers of a picture, {ROUNDS} changes of a link, {WIDE} and {HALF} kbit/s (load {load:.0f}):")
    for what, took, most in (("smaller", down, DOWN), ("larger", up, UP)):
        times = ", ".join(f"{each:.2f}" for each in took)
        print(f"  {what} after {statistics.median(took):.2f} s ({times}); aimed at {most:.0f} s")
    assert max(down) <= DOWN and max(up) <= UP, (down, up)
