"""A thousand members come and go: no socket, task, timer, object or memory stays behind in the room."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from calling.machine.states import Media
from calling.media.mixing.decoded_source import DecodedSource
from calling.media.mixing.mixer import Mixer, MixerMember
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG
from tests.support.wait import until

BOTH = Media(video=True, receive_video=True)


def resident() -> int:
    """Bytes of memory in use, without what the allocator keeps for later."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # glibc's own
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def alive() -> int:
    return sum(1 for each in gc.get_objects() if type(each) in (MixerMember, WebRtcPeer))


async def connected() -> tuple[WebRtcPeer, WebRtcPeer]:
    near, far = WebRtcPeer(CONFIG), WebRtcPeer(CONFIG)
    await near.accept(await far.answer(await near.offer(BOTH)))
    await until(lambda: near.port.up and far.port.up, 20, "connecting")
    return near, far


async def visit(room: Mixer, number: int) -> None:
    near, far = await connected()
    far.port.set_audio_source(tones.tone())
    member = room.join(near.port, str(number), trunk=number % 10 == 9)
    if number % 5 == 0:
        room.set(member, muted=True, volume=-6.0)
        speakers: list[DecodedSource] = []
        speakers.append(DecodedSource(tones.beep(lambda: speakers[0].close())))
        room.play(speakers[0].pull)
    await asyncio.sleep(0.05)
    room.leave(member)
    await asyncio.gather(near.close(), far.close())


@pytest.mark.family
@pytest.mark.timeout(3600)
async def test_a_thousand_visits_leave_a_room_as_it_was(
    figure: Callable[[int, int], int], record_property: Callable[[str, object], None]
) -> None:
    room = Mixer()
    pairs = [await connected(), await connected()]
    for near, far in pairs:
        far.port.set_audio_source(tones.tone())
        room.join(near.port, "stays")
    for number in range(20):  # what is made once is made now
        await visit(room, number)
    gc.collect()
    await asyncio.sleep(0.5)
    before = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), alive()
    memory = resident()
    rounds = figure(20, 1000)
    for number in range(rounds):
        await visit(room, number)
    gc.collect()
    await asyncio.sleep(0.5)
    after = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), alive()
    grown = resident() - memory
    record_property("bytes per visit", grown / rounds)
    print(f"{rounds} visits: descriptors, tasks, objects {before} -> {after}, {grown} bytes more")
    # A descriptor of the start may be collected late.
    assert after[0] <= before[0] and after[1:] == before[1:]
    assert grown < 4_000_000 + 4_000 * rounds
    assert len(room.members) == 2 and not room.players
    room.close()
    for near, far in pairs:
        await asyncio.gather(near.close(), far.close())
