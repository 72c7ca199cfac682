"""Legs of a process share one key for a day at most; legs that have the old one keep it.

Proves docs/security.md#r26.
"""

from __future__ import annotations

import pytest

from calling.machine.states import Media
from calling.media.aiortc_private import dtls
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG, Phone
from tests.support.wait import until


def fingerprint(sdp: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith("a=fingerprint:"))


async def test_a_new_key_comes_every_day_and_calls_outlive_it(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, a, b, c = Phone(440), WebRtcPeer(CONFIG), WebRtcPeer(CONFIG), WebRtcPeer(CONFIG)
    try:
        answer = await a.answer(await alice.offer())
        first = fingerprint(answer)
        assert first.startswith("a=fingerprint:sha-256 ")
        assert fingerprint(await b.offer(Media())) == first, "one key for all legs of the day"
        made = dtls._certificate_made
        monkeypatch.setattr(dtls, "_certificate_made", made - dtls.CERTIFICATE_LIFE - 1)
        assert fingerprint(await c.offer(Media())) != first, "the next day has its own"
        await alice.take(answer)  # agreed under the old key, connected under it
        await until(lambda: a.port.up, what="connecting with yesterday's key")
        a.port.set_audio_source(a.port)
        await until(lambda: alice.hears(440), what="the echo")
    finally:
        for peer in (a, b, c):
            await peer.close()
        await alice.close()


async def test_a_far_end_that_is_offered_another_peer_sees_another_key() -> None:
    """Who knows the fingerprint keeps its association, and the new one never comes about (RFC 8842 4)."""
    former, now = WebRtcPeer(CONFIG), WebRtcPeer(CONFIG)
    try:
        first = fingerprint(await former.offer(Media()))
        now.associate_anew()
        offer = await now.offer(Media(video=True, receive_video=True))
        prints = {line for line in offer.splitlines() if line.startswith("a=fingerprint:")}
        assert len(prints) == 1 and first not in prints
    finally:
        for peer in (former, now):
            await peer.close()
