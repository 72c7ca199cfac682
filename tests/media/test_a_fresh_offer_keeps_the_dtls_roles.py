"""A device that took the platform's offer and later makes one itself: the association keeps its roles."""

from __future__ import annotations

from calling.machine.states import Media
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG, Phone
from tests.support.wait import until


async def test_the_answer_to_a_later_offer_says_the_role_that_was_agreed_first() -> None:
    phone, peer = Phone(440.0), WebRtcPeer(CONFIG)
    await peer.accept(await phone.answer(await peer.offer(Media())))
    await until(lambda: peer.port.up, what="connecting")
    phone.pc.addTransceiver("video", direction="recvonly")
    offer = await phone.offer()
    assert "a=setup:actpass" in offer  # as every browser's offer
    answer = await peer.renegotiate(offer, Media())
    assert "a=setup:passive" in answer.split("m=audio")[1].split("m=video")[0]
    await peer.close()
    await phone.close()
