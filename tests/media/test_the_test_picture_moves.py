"""/public/tone: 440 Hz and a picture, in VP8 or H.264, from a key frame on, also after another source."""

from __future__ import annotations

import pytest
from aiortc import RTCRtpSender

from calling.media.sources.test_pattern import pictures
from tests.media.phones import Phone, ToneAndPicture, joined
from tests.support.wait import until


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_device_hears_the_tone_and_sees_the_picture(codec: str) -> None:
    alice = Phone(350, grey=60)
    chosen = RTCRtpSender.getCapabilities("video").codecs
    alice.pc.getTransceivers()[1].setCodecPreferences(
        [one for one in chosen if one.mimeType == f"video/{codec}"]
    )
    pictures(codec.lower())
    async with joined(alice) as (a,):
        source = ToneAndPicture()
        a.port.set_audio_source(source)
        a.port.set_video_source(source)
        await until(lambda: alice.hears(440), what="the tone")
        await until(lambda: alice.frames > 10, 10, "the picture")
        assert alice.grey is not None and 100 < alice.grey < 200
        if codec == "VP8":
            a.port.set_video_source(a.port)
            await until(lambda: abs((alice.grey or 0) - 51) < 12, 10, "its own picture")
            a.port.set_video_source(ToneAndPicture())
            await until(lambda: (alice.grey or 0) > 100, 10, "the test picture again")
