"""SIP legs with SDES (RFC 4568) and DTLS-SRTP (RFC 5763): both ways of every suite, new keys, MKI, RTCP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from pylibsrtp import Policy, Session

from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import Connected, PeerFailed, Signal
from calling.media.sources import tones
from calling.media.webrtc.plain_rtp import OFFERED_SUITES, PlainRtpPeer
from calling.sdp import crypto, model
from calling.sdp.crypto import SUITES
from calling.sdp.validate import BadSdp
from tests.media.phones import CONFIG
from tests.support.wait import until

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
SUITE = "AES_CM_128_HMAC_SHA1_80"
MARK = b"\xd5" * 160  # what a phone without a microphone sends, and a capture would show


class SecurePhone:
    """A UDP phone that makes SRTP with libsrtp from the keys of its own SDP, apart from our code."""

    def __init__(self, suite: str = SUITE, key: bytes | None = None, mki: bytes = b"") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.number, self.mki = 0, mki
        self.use(suite, key)

    def use(self, suite: str, key: bytes | None = None) -> None:
        self.suite, self.key = suite, key or bytes(range(SUITES[suite]))
        self.out = self._session(self.key, Policy.SSRC_ANY_OUTBOUND)

    def _session(self, key: bytes, kind: int) -> Session:
        return Session(Policy(key=key, ssrc_type=kind, srtp_profile=PROFILES[self.suite]))

    def offer(self, profile: str = "RTP/SAVP", *lines: str, tag: int = 1, mux: bool = True) -> str:
        port = self.sock.getsockname()[1]
        own = [f"a=crypto:{tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"]
        more = [*(lines or own), *(["a=rtcp-mux"] if mux else [])]
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} {profile} 0\r\n" + "".join(f"{line}\r\n" for line in more)
        )

    def take(self, answer: str) -> None:
        (section,) = model.admitted(answer, loopback=True, plain=True).sections
        self.far = (section.host, section.port)
        chosen = crypto.read(section.crypto[0])
        assert chosen is not None and chosen.suite == self.suite
        self.into = self._session(chosen.key, Policy.SSRC_ANY_INBOUND)

    def send(self, times: int = 1, ssrc: int = 5, tag: int = 0) -> None:
        for _ in range(times):
            head = struct.pack("!BBHII", 0x80, 0, self.number & 0xFFFF, self.number * 160, ssrc)
            sealed = self.out.protect(head + MARK)
            at = len(sealed) - tag
            self.sock.sendto(sealed[:at] + self.mki + sealed[at:], self.far)
            self.number += 1

    def got(self) -> list[bytes]:
        """The payloads that came and could be opened; a packet that cannot be raises."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.sock.recv(2048)
                if 191 < data[1] < 224:
                    self.into.unprotect_rtcp(data)
                else:
                    found.append(self.into.unprotect(data)[12:])
        return found

    def close(self) -> None:
        self.sock.close()


@contextlib.asynccontextmanager
async def called(phone: SecurePhone, offer: str | None = None) -> AsyncIterator[PlainRtpPeer]:
    peer = PlainRtpPeer(CONFIG)
    try:
        phone.take(await peer.answer(offer or phone.offer(), Media()))
        yield peer
    finally:
        await peer.close()
        phone.close()


async def heard(peer: PlainRtpPeer, phone: SecurePhone, times: int = 5) -> None:
    before = peer.port.audio_in.totals()[2]
    tag = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4}.get(phone.suite, 0)
    phone.send(times, tag=tag)
    await until(lambda: peer.port.audio_in.totals()[2] >= before + times, what="hearing the phone")


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"])
async def test_every_suite_carries_sound_both_ways_under_every_profile(suite: str, profile: str) -> None:
    phone = SecurePhone(suite)
    async with called(phone, phone.offer(profile, tag=7)) as peer:
        answer = model.admitted(peer_answer(peer), loopback=True, plain=True).sections[0]
        assert answer.profile == profile and answer.crypto[0].startswith(f"7 {suite} inline:")
        await heard(peer, phone)
        peer.port.set_audio_source(peer.port)
        got: list[bytes] = []

        def echoed() -> bool:
            phone.send(tag=0)
            got.extend(phone.got())
            return MARK in got

        await until(echoed, what="hearing oneself")


def peer_answer(peer: PlainRtpPeer) -> str:
    return peer._write(model.Description(peer._sections))


LINES = {
    "lifetime": "|2^20",
    "lifetime in packets": "|1000000",
    "lifetime and MKI": "|2^31|1:4",
    "MKI alone": "|66051:3",
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("words", LINES)
async def test_lifetime_and_mki_are_understood(suite: str, words: str) -> None:
    found = re.search(r"(\d+):(\d+)", LINES[words])
    mki = int(found[1]).to_bytes(int(found[2]), "big") if found else b""
    phone = SecurePhone(suite, mki=mki)
    key = base64.b64encode(phone.key).decode()
    async with called(
        phone, phone.offer("RTP/SAVP", f"a=crypto:1 {suite} inline:{key}{LINES[words]}")
    ) as peer:
        await heard(peer, phone)
        phone.mki = bytes(len(mki))
        if mki:
            refused = peer._wires[0].refused
            phone.send(3, tag=0)
            await until(lambda: peer._wires[0].refused == refused + 3, what="refusing another MKI")


KEY = base64.b64encode(bytes(30)).decode()
UNUSABLE = [
    f"a=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}",
    f"a=crypto:1 {SUITE} inline:{KEY[:-4]}",
    f"a=crypto:1 {SUITE} inline:{KEY}AAAA",
    f"a=crypto:1 {SUITE} inline:",
    f"a=crypto:1 {SUITE}",
    f"a=crypto:x {SUITE} inline:{KEY}",
    f"a=crypto:1234567890 {SUITE} inline:{KEY}",
    f"a=crypto:1 {SUITE} outline:{KEY}",
    f"a=crypto:1 {SUITE} inline:{KEY};inline:{KEY}",
    f"a=crypto:1 {SUITE} inline:{KEY} UNENCRYPTED_SRTP",
    f"a=crypto:1 {SUITE} inline:{KEY} UNENCRYPTED_SRTCP",
    f"a=crypto:1 {SUITE} inline:{KEY} WSH=128 UNAUTHENTICATED_SRTP",
    f"a=crypto:1 {SUITE} inline:{KEY} KDR=4",
    f"a=crypto:1 {SUITE} inline:{KEY} SOMETHING_NEW",
    f"a=crypto:1 {SUITE} inline:{KEY}|2^49",
    f"a=crypto:1 {SUITE} inline:{KEY}|0",
    f"a=crypto:1 {SUITE} inline:{KEY}|1:0",
    f"a=crypto:1 {SUITE} inline:{KEY}|1:129",
    f"a=crypto:1 {SUITE} inline:{KEY}|256:1",
    f"a=crypto:1 {SUITE} inline:{KEY}|2^20|1:4|2",
    "a=crypto:" + "9" * 3000,
]


@pytest.mark.parametrize("line", UNUSABLE)
async def test_a_line_that_cannot_be_kept_to_is_passed_over(line: str) -> None:
    peer, phone = PlainRtpPeer(CONFIG), SecurePhone()
    try:
        with pytest.raises(BadSdp):
            await peer.answer(phone.offer("RTP/SAVP", line))
        good = f"a=crypto:3 {SUITE} inline:{KEY} -odd WSH=64"
        answer = await peer.answer(phone.offer("RTP/SAVP", line, good))
        assert f"a=crypto:3 {SUITE} " in answer and answer.count("a=crypto:") == 1
    finally:
        await peer.close()
        phone.close()


async def test_a_reoffer_with_the_same_key_goes_on_and_one_with_a_new_key_is_followed() -> None:
    phone = SecurePhone()
    async with called(phone) as peer:
        wire = peer._wires[0]
        await heard(peer, phone)
        rx, tx = wire.rx, wire.tx
        first = peer_answer(peer)
        again = await peer.renegotiate(phone.offer().replace("0\r\na=crypto", "0\r\na=sendonly\r\na=crypto"))
        assert (wire.rx, wire.tx) == (rx, tx), "hold: the same keys, the same counters"
        assert re.search("a=crypto.*", first)[0] == re.search("a=crypto.*", again)[0]  # type: ignore[index]
        await heard(peer, phone)
        old = phone.out
        phone.use(SUITE, bytes(range(100, 130)))
        new = phone.out
        again = await peer.renegotiate(phone.offer())
        assert re.search("a=crypto.*", first)[0] == re.search("a=crypto.*", again)[0]  # type: ignore[index]
        phone.out = old
        await heard(peer, phone)  # what was under way when the key changed
        phone.out = new
        await heard(peer, phone)
        phone.out, refused = old, wire.refused
        phone.send(3)
        await until(lambda: wire.refused == refused + 3, what="refusing the old key")


async def test_a_reoffer_may_change_the_suite() -> None:
    phone = SecurePhone()
    async with called(phone) as peer:
        await heard(peer, phone)
        first = peer_answer(peer)
        phone.use("AEAD_AES_256_GCM")
        phone.take(again := await peer.renegotiate(phone.offer(tag=2)))
        assert "a=crypto:2 AEAD_AES_256_GCM" in again and first.count("a=crypto") == 1
        await heard(peer, phone)


async def test_the_counter_of_65536_packets_rolls_over_across_a_hold() -> None:
    phone = SecurePhone()
    phone.number = 65530
    async with called(phone) as peer:
        await heard(peer, phone, 20)
        await peer.renegotiate(phone.offer().replace("0\r\na=crypto", "0\r\na=inactive\r\na=crypto"))
        await peer.renegotiate(phone.offer())
        await heard(peer, phone, 20)
        assert peer._wires[0].refused == 0


@pytest.mark.parametrize("mux", [True, False])
async def test_rtcp_is_encrypted_too(mux: bool) -> None:
    phone = SecurePhone()
    async with called(phone, phone.offer(mux=mux)) as peer:
        wire = peer._wires[0]
        peer.port.set_audio_source(tones.tone())
        await heard(peer, phone)
        ears = phone.sock if mux else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if not mux:
            ears.bind(("127.0.0.1", phone.sock.getsockname()[1] + 1))
            ears.setblocking(False)
        reports: list[bytes] = []

        def reported() -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    data = ears.recv(2048)
                    if 191 < data[1] < 224:
                        reports.append(phone.into.unprotect_rtcp(data))
            return bool(reports)

        await until(reported, what="a report")
        own = phone.out.protect_rtcp(struct.pack("!BBHI", 0x80, 201, 1, 5))
        at, refused = peer.port._control_at, wire.refused
        target = phone.far if mux else (phone.far[0], phone.far[1] + 1)
        ears.sendto(own, target)
        await until(lambda: peer.port._control_at > at, what="taking the phone's report")
        ears.sendto(struct.pack("!BBHI", 0x80, 201, 1, 5) + bytes(14), target)
        await until(lambda: wire.refused > refused, what="refusing a forged one")
        if not mux:
            ears.close()


@pytest.mark.parametrize("suite", OFFERED_SUITES)
async def test_our_offer_is_answered_with_any_of_its_suites(suite: str) -> None:
    near, far = PlainRtpPeer(CONFIG, keys=True), PlainRtpPeer(CONFIG)
    try:
        offer = await near.offer(Media())
        assert "m=audio" in offer and " RTP/AVP " in offer and "a=setup:actpass" in offer
        tags = dict(line.split(" ")[:2][::-1] for line in re.findall(r"a=crypto:(\d+ \S+)", offer))
        assert set(tags) == set(OFFERED_SUITES)
        one = "".join(
            line + "\r\n" for line in offer.splitlines() if "a=crypto" not in line or f" {suite} " in line
        )
        answer = await far.answer(one.replace("RTP/AVP", "RTP/SAVP"))
        assert f"a=crypto:{tags[suite]} {suite}" in answer
        await near.accept(answer)
        near.port.set_audio_source(tones.tone())
        await until(lambda: far.port.audio_in.current() is not None, what="sound")
        assert far._wires[0].secure and near._wires[0].secure and far._wires[0].refused == 0
        later = await near.offer(Media())
        assert later.count("a=crypto") == 1 and f" {suite} " in later and "fingerprint" not in later
    finally:
        await near.close()
        await far.close()


async def test_a_suite_that_was_not_offered_is_not_taken_from_an_answer() -> None:
    near, phone = PlainRtpPeer(CONFIG, secure=True), SecurePhone()
    try:
        await near.offer(Media())
        near._sections[0].crypto = [line for line in near._sections[0].crypto if "GCM" not in line]
        phone.use("AEAD_AES_128_GCM")
        with pytest.raises(BadSdp):
            await near.accept(phone.offer())
    finally:
        await near.close()
        phone.close()


@pytest.mark.parametrize("setup", ["active", "passive"])
@pytest.mark.parametrize("mux", [True, False], ids=["mux", "two ports"])
async def test_dtls_without_ice_carries_sound(setup: str, mux: bool) -> None:
    signals: list[Signal] = []
    near, far = PlainRtpPeer(CONFIG, keys=True), PlainRtpPeer(CONFIG, signals.append)
    try:
        offer = re.sub(r"a=crypto.*\r\n", "", await near.offer(Media()))
        offer = offer.replace("RTP/AVP", "UDP/TLS/RTP/SAVP").replace("a=setup:actpass", f"a=setup:{setup}")
        answer = await far.answer(offer if mux else offer.replace("a=rtcp-mux\r\n", ""))
        assert (
            "UDP/TLS/RTP/SAVP" in answer
            and f"a=setup:{'passive' if setup == 'active' else 'active'}" in answer
        )
        assert "a=crypto" not in answer
        await near.accept(answer)
        near.port.set_audio_source(tones.tone())
        far.port.set_audio_source(far.port)
        await until(lambda: far.port.audio_in.current() is not None, 12, "sound")
        await until(lambda: near.port.audio_in.current() is not None, 12, "sound back")
        await until(lambda: far.port._control_at and near.port._control_at, 12, "reports")
        assert Connected() in signals
        one, role = far._wires[0].rx, far._wires[0].hands
        later = await near.offer(Media())
        assert "a=fingerprint" in later and "a=crypto" not in later
        await near.accept(await far.renegotiate(later))
        assert far._wires[0].rx is one and far._wires[0].hands == role, "the association stands"
        await asyncio.sleep(0.2)
        assert far._wires[0].refused == near._wires[0].refused == 0
    finally:
        await near.close()
        await far.close()


async def test_a_stranger_with_another_certificate_is_refused() -> None:
    signals: list[Signal] = []
    near, far = PlainRtpPeer(CONFIG, keys=True), PlainRtpPeer(CONFIG, signals.append)
    try:
        offer = re.sub(r"a=crypto.*\r\n", "", await near.offer(Media())).replace(
            "RTP/AVP", "UDP/TLS/RTP/SAVP"
        )
        lie = re.sub(r"(a=fingerprint:sha-256 )..", r"\g<1>00", offer)
        lie = lie if lie != offer else re.sub(r"(a=fingerprint:sha-256 )..", r"\g<1>01", offer)
        await near.accept(await far.answer(lie))
        await until(lambda: PeerFailed("fingerprint_mismatch") in signals, 12, "refusing it")
        assert not far._wires[0].ready
    finally:
        await near.close()
        await far.close()


async def test_plain_legs_stay_plain_and_secure_ones_never_become_so() -> None:
    phone = SecurePhone()
    async with called(phone) as peer:
        for line in ("", f"a=crypto:1 {SUITE} inline:short"):
            with pytest.raises(BadSdp):
                await peer.renegotiate(phone.offer("RTP/AVP", line))
        assert peer._wires[0].secure
    peer, phone = PlainRtpPeer(MediaConfig(ports=CONFIG.ports)), SecurePhone()
    try:
        answer = await peer.answer(phone.offer("RTP/AVP", "a=x"))
        assert "crypto" not in answer and not peer._wires[0].secure
        phone.take(await peer.renegotiate(phone.offer("RTP/AVP")))
        await heard(peer, phone)  # a plain leg may be encrypted later
        peer.port.set_audio_source(tones.tone())
        await until(phone.got, what="sound that can be opened")
    finally:
        await peer.close()
        phone.close()
