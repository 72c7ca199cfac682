"""Pictures in VP9 and AV1: agreed where both ends speak them, and sent on as they come."""

from __future__ import annotations

import shutil

import pytest

from calling.media.rtp.header import av1_key, vp9_key
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp import model, negotiation
from tests.media.phones import CONFIG
from tests.media.test_chromium_hears_and_sees import browser
from tests.sdp.test_layers_of_a_picture_are_agreed import OFFERS
from tests.support.wait import until

PAGE = """
window.phone = async (name, codec) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
  const pen = canvas.getContext('2d');
  let at = 0;
  setInterval(() => { pen.fillStyle = `hsl(${(at += 31) % 360} 70% 50%)`;
    pen.fillRect(at % 300, 90, 40, 40); }, 80);
  const pc = new RTCPeerConnection();
  const [track] = canvas.captureStream(12).getTracks();
  const place = pc.addTransceiver(track);
  const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
  const rank = ({ mimeType }) => Number(mimeType !== codec);
  if (codec) place.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
  window[name] = { pc };
  pc.ontrack = ({ track }) => {
    const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
    video.srcObject = new MediaStream([track]);
    document.body.append(video);
  };
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((done) => setTimeout(done, 600));
  return pc.localDescription.sdp;
};
window.seen = async (name) => {
  const stats = await window[name].pc.getStats();
  for (const one of stats.values())
    if (one.type === 'inbound-rtp' && one.framesDecoded > 15) return stats.get(one.codecId).mimeType;
};
null;
"""


@pytest.mark.browser
@pytest.mark.timing
@pytest.mark.skipif(shutil.which("chromium") is None, reason="browser tests need Debian's chromium")
@pytest.mark.parametrize(
    "codec", ["VP9", pytest.param("AV1", marks=[pytest.mark.soak_only, pytest.mark.family])]
)
async def test_a_browser_that_chose_a_format_is_seen_in_it(codec: str) -> None:
    async with browser() as tab:
        await tab.page.evaluate(PAGE)
        ports = []
        for name, wish in (("alice", f"video/{codec}"), ("bob", None)):
            peer = WebRtcPeer(CONFIG, tab.log.append)
            tab.peers.append(peer)
            answer = await peer.answer(await tab.page.evaluate("(args) => phone(...args)", [name, wish]))
            await tab.page.evaluate(
                "([name, sdp]) => window[name].pc.setRemoteDescription({ type: 'answer', sdp })",
                [name, answer],
            )
            await until(lambda peer=peer: peer.port.up, 15, name)
            ports.append(peer.port)
        alice, bob = ports
        bob.set_video_source(alice)
        alice.set_video_source(bob)
        seen = "async () => [await seen('alice'), await seen('bob')].join(' ')"
        for _ in range(300):
            found = await tab.page.evaluate(seen)
            if found == f"video/VP8 video/{codec}":
                return
            await tab.page.wait_for_timeout(100)
        raise AssertionError(found)


@pytest.mark.parametrize("browser_name", OFFERS)
async def test_every_format_of_a_browser_is_agreed_and_vp8_comes_first(browser_name: str) -> None:
    peer = WebRtcPeer(CONFIG)
    try:
        answer = model.read(await peer.answer(OFFERS[browser_name]))
    finally:
        await peer.close()
    names = [codec.name for codec in answer.sections[1].codecs if codec.name != "rtx"]
    assert names[0] == "VP8" and {"VP9", "AV1"} <= set(names)
    assert len([name for name in names if name == "VP9"]) == 1, "profile 0 alone"


def test_a_clients_choice_counts_until_a_viewer_cannot_see_it() -> None:
    section = model.read(OFFERS["chromium"]).sections[1]
    section.codecs.sort(key=lambda codec: codec.name != "VP9")
    peer_order = negotiation.choose(section, negotiation.wish(section, "VP8"))[0]
    assert peer_order[0].name == "VP9"
    assert negotiation.choose(section, "VP8")[0][0].name == "VP8"


async def test_a_picture_that_nobody_can_see_is_asked_for_in_another_format() -> None:
    lines = OFFERS["chromium"].split("\r\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("m=video"))
    head = lines[at].split()
    lines[at] = " ".join([*head[:3], "98", *(pt for pt in head[3:] if pt != "98")])
    peer = WebRtcPeer(CONFIG)
    try:
        await peer.answer("\r\n".join(lines))
        assert peer.port.video_in.line is not None and peer.port.video_in.line.codecs[0].name == "VP9"
        peer.prefer("VP8")
        await peer.renegotiate("\r\n".join(lines))
        assert peer.port.video_in.line.codecs[0].name == "VP8"
    finally:
        await peer.close()


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ("08", True),  # the beginning, of no other picture
        ("8801", True), ("88812301", True),
        ("48", False),  # predicted
        ("00", False),  # in the middle
        ("a80100", True), ("a8812300", True), ("a80120", True),  # temporal layers do not matter
        ("a80102", False), ("a8812302", False),  # a higher spatial layer
        ("a8", False), ("", False),
    ],
)  # fmt: skip
def test_a_vp9_picture_that_stands_by_itself_is_known(payload: str, key: bool) -> None:
    data = bytes(12) + bytes.fromhex(payload)
    assert vp9_key(memoryview(data), 12, len(data)) is key


@pytest.mark.parametrize(
    ("payload", "key"), [("08", True), ("18", True), ("10", False), ("88", False), ("", False)]
)
def test_an_av1_sequence_that_begins_is_known(payload: str, key: bool) -> None:
    data = bytes(12) + bytes.fromhex(payload)
    assert av1_key(memoryview(data), 12, len(data)) is key
