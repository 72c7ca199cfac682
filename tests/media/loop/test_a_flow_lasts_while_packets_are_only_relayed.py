"""Bridged sound goes through the forwarding loop and not through Python, until more is to be done with it;
what the far end gets has no gap then, and what is counted is right."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from calling.machine.states import Media
from calling.media.codecs.late_tap import LateTap
from calling.media.loop.native import library
from calling.media.recording.recorder import GatedReader
from calling.media.rtp import rtcp_reports
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.receiver import RtpReceiver
from calling.media.sources import tones
from calling.media.webrtc import shared_port
from calling.sdp.model import Codec
from tests.media.phones import Phone, ToneAndPicture, joined
from tests.media.test_a_hundred_calls_live_behind_one_port import SHARED, Leg, legs, transport
from tests.support.mux import LOOP, MUX
from tests.support.wait import until

pytestmark = [
    pytest.mark.timing,
    pytest.mark.skipif(library() is None or LOOP == "python", reason="Python forwards here"),
]


def flows(*ends: Leg) -> bool:
    return all(end.ours.port.audio_out.flow is not None for end in ends)


@contextlib.asynccontextmanager
async def bridged() -> AsyncIterator[tuple[Leg, Leg]]:
    async with legs(2) as (alice, bob):
        alice.ours.port.set_audio_source(bob.ours.port)
        bob.ours.port.set_audio_source(alice.ours.port)
        await until(lambda: flows(alice, bob), what="flows both ways")
        yield alice, bob
    shared = shared_port.of_this_loop(SHARED)
    assert shared.forwarder is None and not shared.places


def stream(leg: Leg) -> RtpReceiveStream:
    """What the device hears."""
    found = leg.device.port.audio_in.current()
    assert found is not None
    return found


class Ear:
    """A tap that counts."""

    heard = 0

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        self.heard += 1


class Late(LateTap):
    """A tap that takes packets later, and notes their numbers and when they came."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.times: list[float] = []

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        self.kept(payload, codec, sequence, level, time.monotonic())

    def kept(self, payload: memoryview, codec: Codec, sequence: int, level: int | None, at: float) -> None:
        assert payload and codec.name == "opus"
        self.numbers.append(sequence)
        self.times.append(at)


class Nothing:
    """A filter that keeps nothing."""

    def take(self, *packet: Any) -> bool:
        return False

    def renew(self) -> None:
        """Nothing is kept."""


async def taps(alice: Leg, bob: Leg) -> None:
    ear, receiver = Ear(), alice.ours.port.audio_in
    receiver.tap(ear)
    assert not flows(bob) and flows(alice)
    await until(lambda: ear.heard > 20, what="each packet")
    assert not flows(bob)
    receiver.untap(ear)


async def filters(alice: Leg, bob: Leg) -> None:
    receiver = alice.ours.port.audio_in
    receiver.set_filter(Nothing())
    assert not flows(bob)
    await asyncio.sleep(0.4)
    assert not flows(bob)
    receiver.set_filter(None)


async def mutes(alice: Leg, bob: Leg) -> None:
    alice.ours.port.mute({"audio"})
    await asyncio.sleep(0.05)  # what is on its way
    before = stream(bob).packets
    await asyncio.sleep(0.3)
    assert stream(bob).packets == before and not flows(bob)
    alice.ours.port.mute(set())


async def other_sources(alice: Leg, bob: Leg) -> None:
    bob.ours.port.set_audio_source(tones.tone())
    assert not flows(bob)
    await asyncio.sleep(0.2)
    for leg in (alice, bob):
        leg.ours.port.set_audio_source(None)
    bob.ours.port.set_audio_source(bob.ours.port)  # an echo is relayed as well
    await until(lambda: flows(bob), what="the echo")
    alice.ours.port.set_audio_source(bob.ours.port)
    await until(lambda: flows(alice, bob), what="what bob says goes to two")
    bob.ours.port.set_audio_source(alice.ours.port)


async def second_listeners(alice: Leg, bob: Leg) -> None:
    async with legs(1) as (carol,):
        carol.ours.port.set_audio_source(alice.ours.port)
        assert not flows(bob)
        await until(lambda: flows(alice, bob, carol), what="one flow to two")
        assert bob.ours.port.audio_out.flow is carol.ours.port.audio_out.flow
        before = stream(carol).packets
        await until(lambda: stream(carol).packets > before + 30, what="carol hears")
        carol.ours.port.audio_out.reported(0.5)  # what one of them needs is done for both
        assert stream(carol).lost == 0
    assert not flows(bob)


async def digits(alice: Leg, bob: Leg) -> None:
    assert bob.ours.port.send_digits("5")
    await until(lambda: not flows(bob), what="the digit")
    await asyncio.sleep(0.3)


async def restarts(alice: Leg, bob: Leg) -> None:
    transport(alice.ours).take_back()
    assert not flows(bob) and not flows(alice)


async def reports_of_loss(alice: Leg, bob: Leg) -> None:
    bob.ours.port.audio_out.reported(0.5)
    bob.ours.port.audio_out.reported(0.0)


MORE = [taps, filters, mutes, other_sources, second_listeners, digits, restarts, reports_of_loss]


@pytest.mark.parametrize("more", MORE, ids=lambda more: more.__name__)
async def test_what_is_done_besides_gets_each_packet_and_tears_no_gap(
    more: Callable[[Leg, Leg], Awaitable[None]],
) -> None:
    async with bridged() as (alice, bob):
        await more(alice, bob)
        await until(lambda: flows(alice, bob), what="flows again")
        before = stream(bob).packets
        await until(lambda: stream(bob).packets > before + 30, what="sound")
        for leg in (alice, bob):
            assert stream(leg).lost == 0, "a number is missing"
            assert transport(leg.device).refused == transport(leg.ours).refused == 0


def in_order(numbers: list[int]) -> bool:
    return all(after - before & 0xFFFF == 1 for before, after in itertools.pairwise(numbers))


async def test_who_takes_packets_later_gets_each_of_them_and_the_loop_goes_on() -> None:
    async with bridged() as (alice, bob):
        first, second, receiver = Late(), Late(), alice.ours.port.audio_in
        receiver.tap_later(first)
        await until(lambda: flows(bob) and bool(first.keepers), what="a flow that keeps")
        began = len(first.numbers)
        await asyncio.sleep(0.3)
        assert len(first.numbers) == began and flows(bob), "nothing comes before it is asked for"
        first.drain()
        assert len(first.numbers) > began + 10
        receiver.tap_later(second)
        await until(lambda: flows(bob) and bool(second.keepers), what="a flow that keeps for two")
        await asyncio.sleep(0.3)
        second.drain()  # the first one gets them too
        receiver.take_back()  # as what needs each packet at once does
        assert not first.keepers and len(second.numbers) > 10
        assert in_order(first.numbers) and first.numbers[-len(second.numbers) :] == second.numbers
        assert first.times == sorted(first.times) and time.monotonic() - first.times[-1] < 0.1
        receiver.untap(second)
        await until(lambda: flows(bob), what="a flow again")
        last = second.numbers[-1]
        receiver.untap(first)
        assert in_order(first.numbers) and second.numbers[-1] == last
        assert stream(bob).lost == 0


async def test_what_came_while_python_was_held_up_is_there_afterwards() -> None:
    async with bridged() as (alice, bob):
        late, sender = Late(), alice.device.port.audio_out
        alice.device.port.set_audio_source(None)
        alice.ours.port.audio_in.tap_later(late)
        codec = sender.codec
        assert codec is not None
        for _ in range(20):
            sender.push(sender, b"\xf8\xff\xfe", codec.pt, 960)
            await asyncio.sleep(0.01)
        await until(lambda: flows(bob), what="a flow that keeps")
        late.drain()
        began = len(late.numbers)
        for _ in range(50):  # nothing is awaited from here on
            sender.push(sender, b"\xf8\xff\xfe", codec.pt, 960)
        time.sleep(0.2)  # noqa: ASYNC251 -- that is what it is about
        late.drain()
        assert len(late.numbers) == began + 50 and in_order(late.numbers)


async def test_a_recording_that_is_gated_to_the_packet_gets_each_at_once() -> None:
    async with bridged() as (alice, bob):
        heard: list[bool] = []
        alice.ours.port.audio_in.tap_later(GatedReader(lambda: bool(heard.append(True))))
        await until(lambda: len(heard) > 20, what="each packet")
        assert not flows(bob)


@pytest.mark.parametrize(
    "sizes",
    [[3] * 12, [40, 40, 20, 40, 40, 60, 60, 3, 1300, 1300, 1200, 1350]],
    ids=["of one length", "of several lengths"],
)
async def test_sound_passes_while_python_is_held_up(sizes: list[int]) -> None:
    """Packets that came together leave together, and are the same packets."""
    async with bridged() as (alice, bob):
        sender, sock = alice.device.port.audio_out, transport(bob.device).path.sock
        alice.device.port.set_audio_source(None)
        await asyncio.sleep(0.1)
        codec = sender.codec
        assert codec is not None and flows(bob) and not isinstance(sock, shared_port.TcpDoor)
        began = stream(bob).packets
        for size in sizes:  # nothing is awaited from here on
            sender.push(sender, b"\xf8" * size, codec.pt, 960)
        time.sleep(0.3)  # noqa: ASYNC251 -- that is what it is about
        came = []
        with contextlib.suppress(BlockingIOError):
            while data := sock.recv(2048):  # type: ignore[attr-defined]
                if 127 < data[0] < 192 and not 191 < data[1] < 224:
                    came.append((len(data), data[2] << 8 | data[3]))
        assert [length - came[0][0] for length, _ in came] == [size - sizes[0] for size in sizes]
        assert in_order([number for _, number in came]) and stream(bob).packets == began
        assert flows(bob)


async def test_counts_are_those_of_both_ends() -> None:
    async with bridged() as (alice, bob):
        await asyncio.sleep(1.5)
        for leg in (alice, bob):
            leg.device.port.set_audio_source(None)
        await asyncio.sleep(0.2)
        assert flows(alice, bob)
        for leg in (alice, bob):
            leg.ours.port._sync()
        for one, other in ((alice, bob), (bob, alice)):
            come, go = one.ours.port.audio_in.current(), other.ours.port.audio_out.outgoing
            assert come is not None
            assert come.packets == one.device.port.audio_out.outgoing.packets and come.lost == 0
            assert go.packets == stream(other).packets and go.octets == stream(other).octets
            assert go.last_seq == stream(other).top and go.last_ts == stream(other).last_ts
            assert 0 < come.jitter < 4800 and time.monotonic() - come.last_at < 2
        record, bad = rtcp_reports.QualityMeter().measure(alice.ours.port, time.monotonic())
        assert not bad and record["audio"]["received"]["lost"] == 0  # type: ignore[index]


async def test_what_nobody_hears_is_counted_and_dropped_until_somebody_does() -> None:
    async with legs(2) as (alice, bob):
        alice.ours.port.set_audio_source(None)  # bob's phone rings
        receiver = alice.ours.port.audio_in
        await until(
            lambda: receiver.streams and all(one.flow for one in receiver.streams.values()), what="a flow"
        )
        (spoken,) = receiver.streams.values()
        before = spoken.packets
        await until(lambda: spoken.packets > before + 20, what="counts of what is dropped")  # once a second
        assert spoken.flow is not None and spoken.lost == 0
        bob.ours.port.set_audio_source(alice.ours.port)
        await until(lambda: bob.ours.port.audio_out.flow is not None, what="a flow to bob")
        heard = stream(bob).packets
        await until(lambda: stream(bob).packets > heard + 20, what="sound")
        assert spoken.lost == 0


async def test_a_plan_that_mutes_nobody_leaves_the_flow() -> None:
    async with bridged() as (alice, bob):
        before = bob.ours.port.audio_out.flow
        alice.ours.port.mute(frozenset())
        assert before is not None and bob.ours.port.audio_out.flow is before
        alice.ours.port.mute({"audio"})
        assert bob.ours.port.audio_out.flow is None


async def test_a_report_costs_a_flow_one_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a far end reports first tells that it knows the section: packets need not name it any more."""
    handed: list[object] = []
    deliver = RtpReceiver.deliver

    def noted(receiver: RtpReceiver, *packet: Any) -> None:
        handed.append(receiver)
        deliver(receiver, *packet)

    async with bridged() as (alice, bob):
        assert alice.ours.port.audio_out.outgoing.mid and bob.ours.port.audio_out.outgoing.mid
        monkeypatch.setattr(RtpReceiver, "deliver", noted)
        ends = {alice.ours.port.audio_in: alice, bob.ours.port.audio_in: bob}
        await until(
            lambda: not any(end.ours.port.audio_out.outgoing.mid for end in ends.values()), what="reports"
        )
        await until(lambda: flows(alice, bob), what="flows again")
        assert all(handed.count(receiver) <= 1 for receiver in ends)


async def test_a_picture_is_kept_for_who_loses_some_of_it() -> None:
    alice, bob = Leg(), Leg()
    wants = Media(video=True, receive_video=True)
    try:
        for leg in (alice, bob):
            await leg.device.accept(await leg.ours.answer(await leg.device.offer(wants), wants))
            await until(lambda leg=leg: leg.device.port.up and leg.ours.port.up, 20, "connecting")
        bob.device.port.set_video_source(ToneAndPicture())
        sender, receiver = alice.ours.port.video_out, bob.ours.port.video_in
        alice.ours.port.set_video_source(bob.ours.port)
        await until(lambda: sender.flow is not None, 20, "a flow of the picture")
        began = receiver.totals()[2]
        await until(lambda: receiver.totals()[2] > began + 20 and sender.flow is not None, 20, "pictures")
        assert sender.flow is not None
        sender.flow.sync()
        last = sender.outgoing.last_seq
        sender.resend((last, last - 3 & 0xFFFF))
        assert sender.retransmission.resent == 2 and sender.flow is not None
        receiver.take_back()
        came = receiver.current()
        assert came is not None and all(came.kept(came.top - back & 0xFFFF) for back in range(20))
        shown = alice.device.port.video_in.current()
        assert shown is not None and shown.lost <= 0  # what came twice is no loss
    finally:
        await asyncio.gather(alice.close(), bob.close())


async def test_sound_is_kept_by_the_loop_once_a_listener_has_lost_some() -> None:
    async with bridged() as (alice, bob):
        sender = alice.ours.port.audio_out
        sender.resend((sender.outgoing.last_seq,))  # from now on
        assert sender.flow is None and sender.retransmission.resent == 0
        await until(lambda: flows(alice), what="a flow that keeps")
        began = bob.ours.port.audio_in.totals()[2]

        def kept() -> bool:
            bob.ours.port._sync()
            return bob.ours.port.audio_in.totals()[2] > began + 20

        await until(kept, what="packets")
        assert sender.flow is not None
        sender.flow.sync()
        last = sender.outgoing.last_seq
        sender.resend((last, last - 3 & 0xFFFF))
        assert sender.retransmission.resent == 2 and sender.flow is not None
        assert stream(alice).lost <= 0  # what came twice is no loss


@pytest.mark.skipif(not MUX, reason="legs with ports of their own are Python's")
async def test_loss_is_repaired_between_flows() -> None:
    """Every fortieth packet of each of bob's streams is lost on its way here: Python asks for those of the
    picture, and gives the stream back once it has them; lost sound is counted by the loop."""
    alice, bob = Phone(440, grey=90), Phone(880, grey=150)
    async with joined(alice, bob) as (a, b):
        wire, sent = bob.pc.getTransceivers()[0].sender.transport, collections.Counter[bytes]()
        send = wire._send_rtp

        async def lossy(data: bytes) -> None:
            source = data[8:12]  # counted apart: of 50 and 30 packets a second it would lose one's alone
            sent[source] += 1
            if 191 < data[1] < 224 or sent[source] % 40:
                await send(data)

        wire._send_rtp = lossy
        a.port.set_audio_source(b.port)
        a.port.set_video_source(b.port)
        seen = {"audio": 0, "video": 0}

        def repaired() -> bool:
            for sender in (a.port.audio_out, a.port.video_out):
                seen[sender.kind] += sender.flow is not None
            b.port._sync()
            picture, sound = b.port.video_in.current(), b.port.audio_in.current()
            return bool(picture and sound and picture.recovered > 2 and sound.lost > 2 and all(seen.values()))

        await until(repaired, 30, "losses that are repaired or counted, and flows")
        await until(lambda: alice.hears(880), what="bob")


async def test_an_address_that_goes_to_another_leg_takes_no_flow_along() -> None:
    async with bridged() as (alice, bob):
        path = transport(alice.ours).path
        assert path.seat is not None
        path.seat.quit()  # as at the end of a leg: its address is free
        assert not flows(alice) and not flows(bob)
        forwarder = shared_port.of_this_loop(SHARED).forwarder
        assert forwarder is not None and path not in forwarder._numbers
