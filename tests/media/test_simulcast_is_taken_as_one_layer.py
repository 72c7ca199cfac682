"""Chromium offers a picture in three layers: one line is answered, and its preferred layer arrives whole."""

from __future__ import annotations

import pytest

from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG
from tests.media.test_chromium_hears_and_sees import CHROMIUM, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="browser tests need Debian's chromium"),
]

LAYERS = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
  const pen = canvas.getContext('2d');
  let at = 0;
  setInterval(() => { pen.fillStyle = 'teal'; pen.fillRect(0, 0, 640, 480); pen.fillStyle = 'white';
    pen.fillRect(at = (at + 7) % 600, 200, 40, 40); }, 50);
  const pc = window.pc = new RTCPeerConnection();
  const [track] = canvas.captureStream(20).getTracks();
  pc.addTransceiver(track, { sendEncodings: [{ rid: 'f' }, { rid: 'h', scaleResolutionDownBy: 2 },
    { rid: 'q', scaleResolutionDownBy: 4 }] });
  pc.ontrack = ({ track }) => {
    const video = window.video = document.createElement('video');
    video.muted = video.autoplay = true;
    video.srcObject = new MediaStream([track]);
    document.body.append(video);
  };
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((done) => setTimeout(done, 1000));
  return pc.localDescription.sdp;
}"""


ONE_MORE = """async () => {
  pc.ontrack = null; // the first picture stays the one that is looked at
  pc.addTransceiver('video', { direction: 'recvonly' });
  await pc.setLocalDescription(await pc.createOffer());
  return pc.localDescription.sdp;
}"""
MOVES = "(before) => video.getVideoPlaybackQuality().totalVideoFrames > before + 20"


async def test_three_layers_become_one_picture_of_full_size() -> None:
    async with browser() as chromium:
        offer = await chromium.page.evaluate(LAYERS)
        assert "a=simulcast:send f;h;q" in offer
        peer = WebRtcPeer(CONFIG, chromium.log.append)
        chromium.peers.append(peer)
        answer = await peer.answer(offer)
        assert "simulcast" not in answer and answer.count("m=video") == 1
        peer.port.set_video_source(peer.port)
        await chromium.page.evaluate("(sdp) => pc.setRemoteDescription({ type: 'answer', sdp })", answer)
        await chromium.page.wait_for_function(
            "() => video.videoWidth === 640 && video.getVideoPlaybackQuality().totalVideoFrames > 20",
            timeout=60_000,
        )
        assert len(peer.port.video_in.streams) == 1


async def test_whose_layers_were_not_taken_offers_again() -> None:
    """Chromium does not take an offer of its own for them without the header extensions of layers."""
    async with browser() as chromium:
        peer = WebRtcPeer(CONFIG, chromium.log.append)
        chromium.peers.append(peer)
        answer = await peer.answer(await chromium.page.evaluate(LAYERS))
        peer.port.set_video_source(peer.port)
        await chromium.page.evaluate("(sdp) => pc.setRemoteDescription({ type: 'answer', sdp })", answer)
        await chromium.page.wait_for_function(MOVES, arg=0, timeout=60_000)
        again = await peer.renegotiate(await chromium.page.evaluate(ONE_MORE))
        assert again.count("m=video") == 2 and "simulcast" not in again
        await chromium.page.evaluate("(sdp) => pc.setRemoteDescription({ type: 'answer', sdp })", again)
        shown = await chromium.page.evaluate("video.getVideoPlaybackQuality().totalVideoFrames")
        await chromium.page.wait_for_function(MOVES, arg=shown, timeout=60_000)
