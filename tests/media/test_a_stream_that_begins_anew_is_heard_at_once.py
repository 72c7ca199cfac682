"""RFC 3550 A.1: jumps of sequence numbers, clocks and SSRCs cost at most 200 ms, wherever order is judged."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from calling.media.codecs import g711
from calling.media.codecs.jitter_buffer import JitterBuffer
from calling.media.codecs.order import AHEAD, Order, Restarts
from calling.media.codecs.track_reader import TrackReader
from calling.media.recording.writers import FRAME
from calling.media.rtp.events import DigitReceived, Flood, Signal
from calling.media.rtp.telephone_event import DigitListener, event_packets
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp.model import Codec
from tests.media.phones import CONFIG
from tests.support.wait import until

HEARD_AGAIN = 10  # packets of 20 ms
EDGES = [1, 2, 3, 50, 99, 100, 101, 102, 2999, 3000, 3001, 5000, 20000, 25536, 32767, 32768]
JUMPS = [-edge for edge in EDGES] + EDGES + [40000]
SOUND = bytes(range(160))


class Device:
    """A socket that sends and gets plain RTP, as a SIP phone does."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.remote = ("127.0.0.1", 0)
        self.got: list[tuple[int, int, int, bytes]] = []  # payload type, sequence, timestamp, payload

    def offer(self, codec: int = 0) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.sock.getsockname()[1]} RTP/AVP {codec} 101\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\na=sendrecv\r\n"
        )

    def agree(self, answer: str) -> None:
        port = next(line.split()[1] for line in answer.splitlines() if line.startswith("m=audio"))
        self.remote = ("127.0.0.1", int(port))

    def send(self, sequence: int, stamp: int, ssrc: int = 7, pt: int = 0, payload: bytes = SOUND) -> None:
        head = struct.pack("!BBHII", 128, pt, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc)
        self.sock.sendto(head + payload, self.remote)

    async def settled(self) -> list[tuple[int, int, int, bytes]]:
        """Everything that came until nothing more does."""
        quiet = 0
        while quiet < 5:
            await asyncio.sleep(0.004)
            quiet += 1
            with contextlib.suppress(BlockingIOError):
                while data := self.sock.recv(2048):
                    if 191 < data[1] < 224:
                        continue
                    mark, sequence, stamp, _ = struct.unpack_from("!BHII", data, 1)
                    self.got.append((mark & 0x7F, sequence, stamp, data[12:]))
                    quiet = 0
        found, self.got = self.got, []
        return found


@contextlib.asynccontextmanager
async def called(
    *codecs: int, log: list[Signal] | None = None
) -> AsyncIterator[list[tuple[Device, PlainRtpPeer]]]:
    """A phone for each codec, with its leg."""
    pairs = [(Device(), PlainRtpPeer(CONFIG, log.append if log is not None else None)) for _ in codecs]
    try:
        for (device, peer), codec in zip(pairs, codecs, strict=True):
            device.agree(await peer.answer(device.offer(codec)))
        yield pairs
    finally:
        for device, peer in pairs:
            await peer.close()
            device.sock.close()


@pytest.mark.parametrize("listener", [0, 8], ids=["relayed", "transcoded"])
async def test_a_jump_of_any_size_is_heard_again_by_the_other_party(listener: int) -> None:
    async with called(0, listener) as [(alice, a), (bob, b)]:
        b.port.set_audio_source(a.port)
        sequence = stamp = 60000
        before: int | None = None
        for jump in JUMPS:
            sequence += jump
            for _ in range(HEARD_AGAIN + 20):
                alice.send(sequence, stamp)
                sequence, stamp = sequence + 1, stamp + 160
            came = await bob.settled()
            assert len(came) >= 25, (jump, len(came))
            numbers = [number for _, number, _, _ in came]
            # The one that hears this sees one stream, whose numbers go on.
            last = numbers[-20:]
            assert [(b - a) & 0xFFFF for a, b in itertools.pairwise(last)] == [1] * 19, jump
            if before is not None:
                assert 0 < (numbers[-1] - before) & 0xFFFF < AHEAD + 50, jump
            before = numbers[-1]
        assert 0 <= a.port.audio_in.current().lost < 3 * AHEAD, "jumps are no losses"


@pytest.mark.parametrize("hours", [1, -1, 12])
async def test_a_clock_that_jumps_is_heard_on(hours: int) -> None:
    async with called(0, 0) as [(alice, a), (bob, b)]:
        b.port.set_audio_source(a.port)
        for number in range(10):
            alice.send(number, number * 160)
        assert len(await bob.settled()) == 10
        for number in range(10, 20):
            alice.send(number, number * 160 + hours * 3600 * 8000)
        assert len(await bob.settled()) == 10


def test_every_size_of_a_jump_is_played_again_from_a_jitter_buffer() -> None:
    for jump in [*JUMPS, *range(-32768, 32768, 331)]:
        buffer, sequence = JitterBuffer(), 100
        for _ in range(20):
            buffer.put(sequence & 0xFFFF, b"old")
            buffer.pull()
            sequence += 1
        sequence += jump
        heard = []
        for _ in range(20):
            buffer.put(sequence & 0xFFFF, b"new")
            heard.append(buffer.pull())
            sequence += 1
        assert b"new" in heard[:HEARD_AGAIN], jump
        assert heard[HEARD_AGAIN:] == [b"new"] * 10, jump


def test_every_size_of_a_jump_is_judged_within_four_packets() -> None:
    for step in range(AHEAD, 0x10000):
        restarts, found = Restarts(), []
        for number in range(4):
            found.append(restarts.judge((step + number) & 0xFFFF, number, 50 + found.count(Order.LATE)))
            if found[-1] is Order.RESTART or (step + number) >= 0xFFFF:
                break
        assert Order.RESTART in found or step + len(found) > 0xFFFF, step


def test_packets_that_overtook_each_other_are_no_new_beginning() -> None:
    buffer, heard = JitterBuffer(depth=10), []
    order = list(range(200))
    for at in range(20, 180, 10):
        order[at : at + 6] = [order[at + i] for i in (3, 4, 5, 0, 1, 2)]
    for sequence in order:
        buffer.put(sequence, bytes([sequence]))
        heard.append(buffer.pull())
    played = [one[0] for one in heard if isinstance(one, bytes)]
    assert played == sorted(played) and len(played) > 180


async def test_late_and_doubled_packets_leave_the_numbering_alone() -> None:
    async with called(0, 0) as [(alice, a), (bob, b)]:
        b.port.set_audio_source(a.port)
        alice.send(0, 0)
        numbers = []
        for number in range(1, 301, 3):
            for sequence in (number + 2, number, number + 1, number + 1):
                alice.send(sequence, sequence * 160)
            if number % 75 == 1:  # a socket's buffer holds some 250 packets
                numbers += [each for _, each, _, _ in await bob.settled()]
        numbers += [each for _, each, _, _ in await bob.settled()]
        assert len(numbers) == 401 and len(set(numbers)) == 301
        assert a.port.audio_in.current().top == 300


async def test_a_stray_packet_from_far_off_is_dropped_and_nothing_else() -> None:
    async with called(0, 0) as [(alice, a), (bob, b)]:
        b.port.set_audio_source(a.port)
        for number in range(100):
            alice.send(number, number * 160)
            if number % 10 == 5:
                alice.send(number + 20000, number * 160)
        numbers = [number for _, number, _, _ in await bob.settled()]
        assert len(numbers) == 100
        assert [(b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)] == [1] * 99
        assert a.port.audio_in.current().lost == 0


async def test_a_hundred_ssrcs_in_one_call_are_all_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    from calling.media.rtp import transport

    monkeypatch.setattr(transport, "IDLE_SECONDS", 0.0)  # each waits its turn without the test waiting for it
    log: list[Signal] = []
    async with called(0, 0, log=log) as [(alice, a), (bob, b)]:
        b.port.set_audio_source(a.port)
        for turn in range(100):
            a.port.transports[0]._churn = 0  # they come one a second
            for number in range(5):
                alice.send(9 * turn + number, number * 160, ssrc=1000 + turn)
            assert len(await bob.settled()) == 5, turn
        assert len(a.port.transports[0].streams) <= 16 and len(a.port.audio_in.streams) <= 16
        octets, expected, packets = a.port.audio_in.totals()
        assert (expected, packets) == (500, 500) and octets == 500 * 172
        assert not any(isinstance(signal, Flood) for signal in log)


async def test_an_ssrc_that_comes_back_is_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A switchboard plays music of its own between two parts of what the party says."""
    for listener in (0, 8):
        async with called(0, listener) as [(alice, a), (bob, b)]:
            b.port.set_audio_source(a.port)
            for number in range(10):
                alice.send(number, number * 160, ssrc=1)
            for number in range(10):
                alice.send(5000 + number, number * 160, ssrc=2)
            await bob.settled()
            await asyncio.sleep(0.12)
            for number in range(10, 20):
                alice.send(number, number * 160, ssrc=1)
            assert len(await bob.settled()) == 10, listener


def test_a_recording_goes_on_after_a_jump() -> None:
    pcmu, loud = Codec("PCMU", 8000, 1, 0), bytes([0x80]) * 160
    assert abs(int(g711.decode("pcmu", loud)[0])) > 10000
    for jump in (-100, -5000, 40000, 150, 2000):
        ear, sequence, level = TrackReader(), 3000, []
        for at in range(60):
            if at == 20:
                sequence += jump
            ear.packet(memoryview(loud), pcmu, sequence & 0xFFFF, 0, False, None)
            pcm = ear.twenty()
            assert len(pcm) == FRAME
            level.append(int(abs(pcm[FRAME // 2])))
            sequence += 1
        assert min(level[20 + HEARD_AGAIN :]) > 10000, jump


@pytest.mark.parametrize("jump", [-30 * 8000, -3600 * 8000, 3600 * 8000, -1, 0x7FFFFFFF])
def test_digits_are_noticed_after_the_clock_jumped(jump: int) -> None:
    found: list[str] = []
    listener = DigitListener(lambda digit, _: found.append(digit))
    base = 5_000_000
    for text in ("12", "34"):
        for step in event_packets(text, 8000):
            if step is not None:
                listener.packet(step[0], (base + step[1]) & 0xFFFFFFFF, 8000)
        base += jump
    assert "".join(found) == "1234"


def test_late_packets_of_earlier_digits_are_still_folded() -> None:
    found: list[str] = []
    listener = DigitListener(lambda digit, _: found.append(digit))
    end = bytes((1, 0x8A, 3, 32))
    listener.packet(end, 1000, 8000)
    listener.packet(bytes((2, 0x0A, 0, 160)), 3000, 8000)
    listener.packet(end, 1000, 8000)
    listener.packet(bytes((2, 0x8A, 3, 32)), 3000, 8000)
    listener.packet(end, 1000, 8000)
    assert found == ["1", "2"]


async def test_digits_are_heard_right_after_a_jump_of_the_sequence() -> None:
    log: list[Signal] = []
    async with called(0, log=log) as [(alice, _)]:
        for number in range(9000, 9020):
            alice.send(number, number * 160)
        for number, step in enumerate(event_packets("7", 8000)):
            if step is not None:
                alice.send(2000 + number, 4_000_000_000 + step[1], pt=101, payload=step[0])
        await until(lambda: any(isinstance(s, DigitReceived) and s.digit == "7" for s in log), 5, "the digit")
