"""What members of a room say is kept by the forwarding loop until the mixer asks for it, and what they hear
is sent by it: members come, go, fall silent and are muted meanwhile, and each hears whom it should."""

from __future__ import annotations

import asyncio

import pytest

from calling.media.loop.native import library
from calling.media.mixing.mixer import Mixer, MixerMember
from calling.media.rtp.sender import RtpSender
from tests.media.phones import Phone, joined
from tests.media.test_a_room_is_heard_by_everyone_else import TONES, heard
from tests.support.mux import LOOP, MUX
from tests.support.wait import until

pytestmark = [
    pytest.mark.timing,
    pytest.mark.skipif(library() is None or LOOP == "python" or not MUX, reason="Python does it all here"),
]


def through_the_loop(*members: MixerMember) -> bool:
    return all(m.rests and isinstance(m.listener, RtpSender) and m.listener.flow is not None for m in members)


async def test_each_hears_exactly_the_others_whoever_handles_the_packets() -> None:
    phones = [Phone(tone) for tone in TONES]
    async with joined(*phones) as peers:
        room = Mixer(video=False)
        every = set(TONES)

        async def hear(*missing: float) -> None:
            listeners = [(phone, tone) for phone, tone in zip(phones, TONES, strict=True)]
            await until(
                lambda: all(heard(p) == every - {t, *missing} for p, t in listeners if t not in missing),
                15, "the others",
            )  # fmt: skip

        members = [room.join(peer.port, str(number)) for number, peer in enumerate(peers)]
        await until(lambda: through_the_loop(*members), 15, "packets kept and sent by the loop")
        await hear()
        await until(lambda: through_the_loop(*members), 15, "talkers are heard so too")

        room.set(members[0], muted=True)
        assert not members[0].rests
        await until(lambda: all(TONES[0] not in heard(phone) for phone in phones), 15, "the mute")
        await until(lambda: through_the_loop(*members), 15, "the loop has the muted one too")
        room.set(members[0], muted=False)
        assert not len(members[0].jitter), "what was said while muted is not heard"
        await hear()

        room.set(members[1], volume=-3.0)
        peers[2].port.audio_out.take_back()  # as a new agreement does
        peers[2].port.audio_in.take_back()
        assert not through_the_loop(members[2])
        await hear()
        await until(lambda: through_the_loop(*members), 15, "the loop again")

        room.leave(members[3])
        assert not members[3].rests and peers[3].port.audio_out.flow is None
        await hear(TONES[3])
        again = room.join(peers[3].port, "3")
        await hear()
        await until(lambda: through_the_loop(again), 15, "who came again")

        room.close()
        for peer in peers:
            assert not peer.port.transports[0].flows
            assert all(stream.lost <= 0 for stream in peer.port.audio_in.streams.values())


async def test_two_members_hear_each_other_through_the_loop_and_their_levels_are_known() -> None:
    alice, bob = Phone(440), Phone(880)
    async with joined(alice, bob) as (a, b):
        talked: list[str] = []
        room = Mixer(lambda name, talking: talked.append(name), video=False)
        members = room.join(a.port, "a"), room.join(b.port, "b")
        assert room.direct
        await until(
            lambda: a.port.audio_out.flow is not None and a.port.audio_out.flow in members[1].rests,
            15, "a flow whose levels are noted",
        )  # fmt: skip
        await until(lambda: set(talked) == {"a", "b"}, 15, "who talks")
        await until(lambda: alice.hears(880) and bob.hears(440), what="hearing each other")
        await asyncio.sleep(0.5)  # more than is kept
        room.set(members[0], output=0.5)  # mixed from now on
        assert all(len(member.jitter) <= 3 for member in members), "old sound is not heard again"
        await until(lambda: through_the_loop(*members), 15, "the loop")
        await until(lambda: alice.hears(880) and bob.hears(440), what="hearing each other mixed")
        room.close()
