"""Whatever comes in place of an SDP or a candidate, the answer is BadSdp with a sentence, quickly.

Proves docs/security.md#r11.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp import model, validate
from calling.sdp.validate import BadSdp
from tests.media.phones import CONFIG, Phone

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
GOOD = "\r\n".join(
    [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendrecv", "a=rtcp-mux",
        "a=ice-ufrag:abcd", "a=ice-pwd:" + "x" * 24, FINGERPRINT, "a=setup:actpass",
        "a=rtpmap:111 opus/48000/2", "a=rtpmap:0 PCMU/8000", "a=rtpmap:110 telephone-event/48000",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=candidate:1 1 udp 2130706431 192.0.2.10 5000 typ host", "",
    ]
)  # fmt: skip


def candidates(text: str) -> list[str]:
    return [line.split()[4] for line in text.split("\r\n") if line.startswith("a=candidate")]


def test_a_good_description_passes_unchanged() -> None:
    assert validate.admit(GOOD) == GOOD


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.replace(FINGERPRINT, ""),
        lambda s: s.replace("sha-256", "sha-1"),
        lambda s: s.replace(":AB", ""),
        lambda s: s.replace("a=ice-pwd:" + "x" * 24, "a=ice-pwd:short"),
        lambda s: s.replace("a=ice-ufrag:abcd\r\n", ""),
        lambda s: s.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        lambda s: s.replace("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"),
        lambda s: s.replace(FINGERPRINT, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"),
        lambda s: s + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 12,
        lambda s: s.replace("m=audio", "m=audio audio"),
        lambda s: s + "x" * 66000,
        lambda s: s + "\x00",
        lambda s: s + "\ud800",
        lambda s: s.replace("v=0", "v=1"),
        lambda s: "",
        lambda s: None,
        lambda s: 7,
    ],
)
def test_what_is_wrong_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadSdp) as caught:
        model.read(validate.admit(change(GOOD)))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("host", "stays"),
    [
        ("192.0.2.20", True), ("10.0.0.1", True), ("2001:db8::1", True), ("127.0.0.1", False), ("::1", False),
        ("169.254.169.254", False), ("fe80::1", False), ("224.0.0.1", False), ("ff02::1", False),
        ("0.0.0.0", False), ("255.255.255.255", False), ("abc.local", False), ("internal.example", False),
        ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False),
        ("2130706433", False), ("0x7f.1", False),
    ],
)  # fmt: skip
def test_only_literal_reachable_addresses_stay(host: str, stays: bool) -> None:
    text = GOOD + f"a=candidate:2 1 udp 1 {host} 5000 typ host\r\n"
    assert (host in candidates(validate.admit(text))) is stays
    assert (validate.admit_candidate(f"candidate:2 1 udp 1 {host} 5000 typ host") is not None) is stays


def test_loopback_stays_only_where_it_is_configured_and_tcp_never() -> None:
    loop = "candidate:2 1 udp 1 127.0.0.1 5000 typ host"
    assert validate.admit_candidate(loop) is None
    assert validate.admit_candidate(loop, loopback=True) is not None
    assert validate.admit_candidate("candidate:2 1 tcp 1 192.0.2.1 9 typ host tcptype active") is None
    assert validate.admit_candidate("") is None


@pytest.mark.family
@pytest.mark.timeout(7200)
async def test_mutated_offers_end_in_an_answer_or_in_bad_sdp(
    figure: Callable[[int, int], int], seed: int
) -> None:
    """A seeded sample; 100 000 in `make soak`."""
    alice = Phone(440, grey=90)
    offer = await alice.offer()
    await alice.close()
    count = figure(300, 100_000)
    chance = random.Random(seed)
    worst, refused = 0.0, 0
    for _ in range(count):
        text = mutated(offer, chance)
        peer = WebRtcPeer(CONFIG)
        begun = time.perf_counter()
        try:
            await peer.answer(text)
        except BadSdp:
            refused += 1
        worst = max(worst, time.perf_counter() - begun)
        await peer.close()
    print(f"\n{count} mutated offers: {refused} refused, the slowest took {worst:.3f} s", end=" ")
    assert refused > count // 60, f"seed {seed}"  # most of a mutated offer can still be used
    assert worst < 1.0, f"seed {seed}: {worst:.3f} s"
    await asyncio.sleep(0)


def mutated(text: str, chance: random.Random) -> str:
    lines = text.split("\r\n")
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(lines))
        kind = chance.randrange(7)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[chance.randrange(len(lines))])
        elif kind == 2 and lines[at]:
            place = chance.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + chr(chance.randrange(1, 0x300)) + lines[at][place + 1 :]
        elif kind == 3:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        elif kind == 4:
            lines[at] = lines[at].replace("1", str(chance.choice([-1, 2**31, 2**64, "x", ""])))
        elif kind == 5:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            lines[at] += " " + "9" * chance.randrange(40)
        if not lines:
            lines = [""]
    return "\r\n".join(lines)
