"""Digits go as RFC 4733 events, else by the signalling, else as tones; where none is possible it is said."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import numpy as np
import pytest

from calling.media.codecs.audio_codecs import decoder
from calling.media.rtp.digit_plan import digit_plan, digit_way, event_clock
from calling.media.rtp.dtmf_tones import COLUMNS, ROWS, SIGNS, payloads, tone_packets
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver
from tests.media.phones import CONFIG
from tests.support.wait import until

CODECS = {"pcmu": "0", "pcma": "8", "g722": "9"}


def heard(pcm: np.ndarray) -> str:
    """The digit in these samples at 8 kHz, "" for none."""
    if len(pcm) < 400 or np.sqrt(np.mean(pcm.astype(float) ** 2)) < 1000:
        return ""
    at = np.arange(len(pcm)) / 8000

    def power(hertz: int) -> float:
        return float(abs(np.sum(pcm * np.exp(-2j * np.pi * hertz * at))))

    row, column = max(ROWS, key=power), max(COLUMNS, key=power)
    return SIGNS[4 * ROWS.index(row) + COLUMNS.index(column)]


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "g722", "opus"])
def test_every_digit_can_be_told_by_its_tones_in_every_codec(codec: str) -> None:
    for sign in SIGNS:
        own = decoder(codec, 8000)
        pcm = np.concatenate([own.decode(payload).copy() for payload in payloads(sign, codec)])
        assert heard(pcm) == sign
        assert np.abs(pcm).max() < 20000


def test_pauses_and_gaps_stand_between_the_tones() -> None:
    steps = list(tone_packets("1w2,", "pcmu"))
    assert [sum(1 for step in steps if step is not None), len(steps)] == [10, 5 + 4 + 25 + 5 + 4 + 100]


class Party:
    """A phone on plain RTP that keeps the sound it gets."""

    def __init__(self, codec: str, rest: str = "") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.decoder = decoder(codec, 8000)
        self.digits = ""
        self.events: set[int] = set()
        self._sound: list[np.ndarray] = []
        port, number = self.sock.getsockname()[1], CODECS[codec]
        self.sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {number}{' 101' if 'telephone' in rest else ''}\r\n{rest}a=rtcp-mux\r\n"
        )

    def listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.sock.recv(2048)
                if 191 < data[1] < 224:
                    continue
                if data[1] & 0x7F == 101:
                    self.events.add(data[12])
                    continue
                self._sound.append(self.decoder.decode(data[12:]).copy())
                if len(self._sound) == 5:
                    self.digits += heard(np.concatenate(self._sound))
                    self._sound = []


@contextlib.asynccontextmanager
async def called(codec: str = "pcmu", rest: str = "") -> AsyncIterator[tuple[Party, PlainRtpPeer]]:
    party, peer = Party(codec, rest), PlainRtpPeer(CONFIG)
    try:
        await peer.answer(party.sdp)
        yield party, peer
    finally:
        await peer.close()
        party.sock.close()


@pytest.mark.parametrize("codec", list(CODECS))
async def test_a_phone_that_knows_nothing_else_hears_the_tones(codec: str) -> None:
    async with called(codec) as (phone, peer):
        assert digit_way(peer.port.audio_out.line) == "tones"
        assert peer.port.send_digits("15w#") and peer.port.send_digits("D")

        def all_heard() -> bool:
            phone.listen()
            return phone.digits == "15#D"

        await until(all_heard, 6, "the tones")


async def test_events_come_first_even_where_the_signalling_takes_digits() -> None:
    asked: list[str] = []
    async with called(rest="a=rtpmap:101 telephone-event/8000\r\n") as (phone, peer):
        peer.port.signalled_digits = asked.append
        assert digit_way(peer.port.audio_out.line) == "events" and peer.port.send_digits("7")

        def event() -> bool:
            phone.listen()
            return phone.events == {7}

        await until(event, 4, "the event")
        assert not asked and not phone.digits


async def test_the_signalling_comes_before_tones_and_serves_one_that_hears_nothing() -> None:
    for direction in ("sendrecv", "sendonly", "inactive"):
        asked: list[str] = []
        async with called(rest=f"a={direction}\r\n") as (_, peer):
            peer.port.signalled_digits = asked.append
            assert peer.port.send_digits("4*") and asked == ["4*"]


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_where_nothing_is_sent_no_digit_is(direction: str) -> None:
    async with called(rest=f"a={direction}\r\na=rtpmap:101 telephone-event/8000\r\n") as (_, peer):
        assert digit_way(peer.port.audio_out.line) is None
        assert peer.port.send_digits("1") is False


OPUS, PCMU = Codec("opus", 48000, 2, 111), Codec("PCMU", 8000, 1, 0)


@pytest.mark.parametrize(
    ("codecs", "events", "sends", "way", "clock"),
    [
        ([OPUS], {48000: 110, 8000: 126}, True, "events", 48000),
        ([PCMU, OPUS], {48000: 110, 8000: 126}, True, "events", 8000),
        ([OPUS], {8000: 126}, True, "events", 8000),
        ([PCMU], {}, True, "tones", None),
        ([PCMU], {8000: 126}, False, None, 8000),
        ([], {}, True, None, None),
    ],
)
def test_the_way_and_the_clock_are_those_of_the_agreed_line(
    codecs: list[Codec], events: dict[int, int], sends: bool, way: str | None, clock: int | None
) -> None:
    line = Transceiver("audio", 0, "0", sends, True, codecs=codecs, events=events)
    assert (digit_way(line), event_clock(line)) == (way, clock)
    plan = digit_plan(line, "5")
    assert (plan is None) == (way is None and clock is None)
    if plan is not None:
        assert type(next(plan)) is (bytes if clock is None else tuple)


def test_nothing_reaches_a_leg_without_a_line() -> None:
    assert (digit_way(None), event_clock(None), digit_plan(None, "5")) == (None, None, None)
