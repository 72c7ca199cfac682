"""Peers closed in any phase give back sockets, tasks and timers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable

import pytest

from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.timer_wheel import wheel
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp.validate import BadSdp
from tests.media.phones import Phone
from tests.media.ports import EITHER
from tests.support.wait import until


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def pair(config: MediaConfig) -> None:
    near, far = WebRtcPeer(config), WebRtcPeer(config)
    await near.accept(await far.answer(await near.offer(Media())))
    await until(lambda: near.port.up and far.port.up, what="connecting")
    near.port.set_audio_source(tones.tone())
    far.port.set_audio_source(near.port)
    await asyncio.sleep(0.05)
    await asyncio.gather(near.close(), far.close())
    await near.close()


async def given_up(offer: str, config: MediaConfig) -> None:
    """Never answered, closed while checking, refused, closed at once."""
    one, two, three = WebRtcPeer(config), WebRtcPeer(config), WebRtcPeer(config)
    await one.offer(Media(video=True, receive_video=True))
    await two.answer(offer)
    await asyncio.sleep(0.01)
    with contextlib.suppress(BadSdp):
        await three.answer(offer.replace("fingerprint", "finger"))
    await asyncio.gather(one.close(), two.close(), three.close())


@pytest.mark.family
@pytest.mark.sample(1)
@EITHER
@pytest.mark.timeout(3600)
async def test_peers_closed_in_every_phase_leave_nothing(
    figure: Callable[[int, int], int], config: MediaConfig
) -> None:
    phone = Phone(440)
    offer = await phone.offer()
    await pair(config)  # what is made once is made now
    gc.collect()
    await asyncio.sleep(0.1)
    before, tasks = descriptors(), len(asyncio.all_tasks())
    for _ in range(figure(15, 2000)):
        await pair(config)
        await given_up(offer, config)
    gc.collect()
    await asyncio.sleep(0.3)
    assert descriptors() <= before + 1
    assert len(asyncio.all_tasks()) <= tasks
    assert not any(wheel()._slots)
    await phone.close()
