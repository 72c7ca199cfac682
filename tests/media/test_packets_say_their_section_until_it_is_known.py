"""Packets may overtake the answer that tells their SSRC: the first ones say their MID (RFC 8843 section 15).

Without it a browser gives the packets of a picture that was just agreed to the section of another, for good.
"""

from __future__ import annotations

from typing import Any

from aiortc.sdp import SessionDescription

from calling.media.mixing.mixer import Mixer
from tests.media.phones import Phone, joined
from tests.support.wait import until


class Ears:
    """The MID that each packet to a phone says, by SSRC. What arrives, whatever the phone makes of it."""

    def __init__(self, phone: Phone) -> None:
        self.pc = phone.pc
        self.heard: dict[int, list[str | None]] = {}
        router = phone.pc.getTransceivers()[0].receiver.transport._rtp_router
        before = router.route_rtp

        def route(packet: Any) -> Any:
            self.heard.setdefault(packet.ssrc, []).append(packet.extensions.mid)
            return before(packet)

        router.route_rtp = route

    def sections(self) -> dict[str, list[str | None]]:
        """What was heard of each section, as the answer tells its SSRC."""
        answer = SessionDescription.parse(self.pc.remoteDescription.sdp)
        return {media.rtp.muxId: self.heard.get(media.ssrc[0].ssrc, []) for media in answer.media}


async def test_the_first_packets_of_each_section_say_its_mid_and_later_ones_do_not() -> None:
    alice, bob, carol = Phone(400, grey=30), Phone(650, grey=80), Phone(900, grey=120)
    alice.pc.addTransceiver("video", direction="recvonly")
    ears = Ears(alice)
    async with joined(alice, bob, carol) as peers:
        room = Mixer()
        for number, peer in enumerate(peers):
            room.join(peer.port, str(number))
        assert len(ears.sections()) == 3
        await until(lambda: all(ears.sections().values()), 15, "sound and two pictures")
        for mid, said in ears.sections().items():
            assert said[0] == mid
        # Section 1 is another's first picture too: there the MID that its device says is passed on.
        await until(
            lambda: all(ears.sections()[mid][-1] is None for mid in ("0", "2")), 15, "reports of both"
        )
        for mid, said in ears.sections().items():
            assert set(said) <= {mid, None}
            if mid != "1":
                assert set(said[said.index(None) :]) == {None}  # it costs nothing afterwards
        room.close()
