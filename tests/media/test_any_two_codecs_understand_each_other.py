"""Two phones without a common codec hear each other, before and after either narrows its list (RFC 3264)."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct

import numpy as np
import pytest

from calling.media.codecs.audio_codecs import decoder, encoder
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG
from tests.support.wait import until

RATE = 8000
FORMATS = {"PCMU": (0, 8000), "PCMA": (8, 8000), "G722": (9, 8000), "opus": (111, 48000)}
EVERY = ["PCMU", "PCMA", "G722", "opus"]


class Caller:
    """A SIP phone on plain RTP: says one tone in one codec, hears only what it has agreed to."""

    def __init__(self, hertz: float, codecs: list[str], speaks: str) -> None:
        self.hertz, self.codecs, self.speaks = hertz, codecs, speaks
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.remote = ("127.0.0.1", 0)
        self.wave = np.zeros(0)
        self.strange = 0
        self._sequence, self._at = 7000, 0
        self._encoder = encoder(speaks.lower(), RATE)
        self._decoders = {FORMATS[name][0]: decoder(name.lower(), RATE) for name in EVERY}

    def offer(self, codecs: list[str] | None = None) -> str:
        self.codecs = codecs or self.codecs
        numbers = " ".join(str(FORMATS[name][0]) for name in self.codecs)
        maps = "".join(
            f"a=rtpmap:{number} {name}/{clock}{'/2' if name == 'opus' else ''}\r\n"
            for name in self.codecs
            for number, clock in [FORMATS[name]]
        )
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.sock.getsockname()[1]} RTP/AVP {numbers}\r\n{maps}a=rtcp-mux\r\n"
        )

    def agree(self, answer: str) -> None:
        line = next(line for line in answer.splitlines() if line.startswith("m=audio"))
        self.remote = ("127.0.0.1", int(line.split()[1]))

    def speak(self) -> None:
        steps = np.arange(self._at, self._at + RATE // 50)
        pcm = (np.sin(2 * np.pi * self.hertz * steps / RATE) * 12000).astype(np.int16)
        number, clock = FORMATS[self.speaks]
        stamp = self._at // (RATE // 50) * clock // 50
        head = struct.pack("!BBHII", 128, number, self._sequence & 0xFFFF, stamp, int(self.hertz))
        self.sock.sendto(head + self._encoder.encode(pcm), self.remote)
        self._sequence += 1
        self._at += RATE // 50

    def hear(self) -> None:
        agreed = {FORMATS[name][0] for name in self.codecs}
        while True:
            try:
                data = self.sock.recv(2048)
            except BlockingIOError:
                return
            if 191 < data[1] < 224:
                continue
            number = data[1] & 0x7F
            if number not in agreed:
                self.strange += 1
                continue
            self.wave = np.concatenate((self.wave, self._decoders[number].decode(data[12:])))[-RATE // 2 :]

    def hears(self, hertz: float) -> bool:
        if len(self.wave) < RATE // 2 or np.sqrt(np.mean(self.wave**2.0)) < 1000:
            return False
        spectrum = np.abs(np.fft.rfft(self.wave * np.hanning(len(self.wave))))
        return abs(float(np.argmax(spectrum)) * 2 - hertz) <= 10


async def hear_each_other(alice: Caller, bob: Caller, what: str) -> None:
    alice.wave, bob.wave = np.zeros(0), np.zeros(0)
    alice.strange = bob.strange = 0

    def understood() -> bool:
        for phone in (alice, bob):
            phone.speak()
            phone.hear()
        return alice.hears(bob.hertz) and bob.hears(alice.hertz)

    await until(understood, 8, what)
    assert alice.strange == bob.strange == 0, "a format that was not agreed"


PAIRS = list(itertools.permutations(EVERY, 2))


@pytest.mark.parametrize(("mine", "theirs"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
async def test_each_pair_of_codecs_before_and_after_the_caller_narrows_its_list(
    mine: str, theirs: str
) -> None:
    """The caller offers all, speaks one, and keeps that one alone by UPDATE or re-INVITE (PJSIP does)."""
    alice, bob = Caller(500, EVERY, mine), Caller(700, [theirs], theirs)
    a, b = PlainRtpPeer(CONFIG), PlainRtpPeer(CONFIG)
    try:
        alice.agree(await a.answer(alice.offer()))
        bob.agree(await b.answer(bob.offer()))
        a.port.set_audio_source(b.port)
        b.port.set_audio_source(a.port)
        await hear_each_other(alice, bob, "sound before")
        alice.agree(await a.renegotiate(alice.offer([mine])))
        await hear_each_other(alice, bob, "sound after the caller's new offer")
        alice.agree(await a.renegotiate(alice.offer([theirs, mine])))
        await hear_each_other(alice, bob, "sound after the list has grown again")
        bob.agree(await b.renegotiate(bob.offer([theirs, *(one for one in EVERY if one != theirs)])))
        await hear_each_other(alice, bob, "sound after the callee's new offer")
    finally:
        await asyncio.gather(a.close(), b.close())
        alice.sock.close()
        bob.sock.close()
