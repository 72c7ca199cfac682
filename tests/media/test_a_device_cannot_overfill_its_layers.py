"""A device that changes the SSRCs of its layers without end costs no memory, and no packet of it fails."""

from __future__ import annotations

from dataclasses import dataclass

from calling.media.rtp.receiver import RIDS, RtpReceiver
from calling.media.rtp.simulcast import Simulcast
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver


@dataclass
class Coming:
    """A stream of a layer."""

    ssrc: int
    octets: int = 1000
    last_at: float = 100.0


def test_a_stream_that_was_replaced_comes_on_after_its_successor_was_forgotten() -> None:
    simulcast: Simulcast[str] = Simulcast(("f",))
    replaced = simulcast.begin("f", Coming(1))
    simulcast.end(simulcast.begin("f", Coming(2)))
    simulcast.picture(replaced, 90)
    assert not simulcast.look(100.0) and simulcast.live == ()


def test_layers_of_former_ssrcs_are_forgotten() -> None:
    receiver = RtpReceiver("video")
    vp8 = Codec(96, "VP8", 90000, 1)
    receiver.bind(
        Transceiver("video", 0, "0", sends=False, receives=True, codecs=[vp8], layers=("f", "h")), None
    )
    for ssrc in range(1, 1000):
        stream = receiver.stream(ssrc, 7, 96, "f")
        assert stream is not None and stream.layer is not None
        receiver.forget(stream)
    assert len(receiver._rids) == RIDS
