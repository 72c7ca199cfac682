"""The corpus: each device's description is answered rightly, and no line of no consequence changes that."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.sdp.corpus import Entry, entries, outcome

CORPUS = entries()
# Lines that a parser may know, half know or not know; none of them may matter, wherever they stand.
HARMLESS = [
    "a=ptime:", "a=ptime:auto", "a=ptime:20.5", "a=maxptime:x", "a=fmtp:* vad=no", "a=fmtp:",
    "a=fmtp:annexb=no", "a=fmtp:300 x=1", "a=rtpmap:", "a=rtpmap:99", "a=rtpmap:99 foo",
    "a=rtpmap:x PCMU/8000", "a=rtpmap:300 x/8000", "a=rtpmap:99 SILK/", "a=rtpmap:-1 PCMU/8000",
    "a=ssrc:abc", "a=ssrc:", "a=ssrc:99999999999 cname:x", "a=ssrc-group:FID 1", "a=ssrc-group:FID a b",
    "a=ssrc-group:SIM 1 2 3", "a=extmap:", "a=extmap:x y", "a=extmap:15/odd urn:example:x",
    "a=extmap:300 urn:example:y", "a=candidate:", "a=candidate:1 1 udp 1",
    "a=candidate:1 1 UDP 9 192.0.2.1 9 typ odd",
    "a=candidate:H-1 1 TCP 9 192.0.2.1 9 typ host tcptype active",
    "a=candidate:1 2 UDP 9 192.0.2.1 9 typ host", "a=candidate:1 1 UDP 9 a.local 9 typ host",
    "a=candidate:1 1 UDP 9 192.0.2.1 99999 typ host", "a=remote-candidates:1 192.0.2.1 9",
    "a=end-of-candidates", "a=fingerprint:", "a=fingerprint:sha-1 AA:BB", "a=fingerprint:sha-256 zz",
    "a=fingerprint:md5 00", "a=mid:", "a=mid:a b", "a=crypto:", "a=crypto:x",
    "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA", "a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:", "a=rtcp:",
    "a=rtcp:9 IN IP6 ::1", "a=rtcp-fb:", "a=rtcp-fb:* x", "a=rtcp-xr:voip-metrics", "a=group:LS x y",
    "a=msid-semantic:", "a=bundle-only2", "a=X-nat:0", "a=label:", "a=imageattr:* send [x=0]", "a=rid:",
    "a=simulcast:send ~", "a=sendrecvx", "a=key-mgmt:mikey AA", "a=", "a=:", "a=direction:both",
    "a=tcap:1 RTP/SAVP", "a=pcfg:1 t=1", "c=IN IP4", "c=", "c=ATM NSAP 47", "b=", "b=AS:x",
    "b=TIAS:99999999999", "k=", "k=clear:x", "i=", "i=Ümläute ☎", "z=0 0", "r=x", "x=unknown",
    "line without sign", "=", " a=inactive", "\ta=inactive", "A=inactive", "a=ice-ufrag:",
    "a=ice-pwd:short", "a=setup:holdconn", "a=ice-options:", "a=rtcp-mux-only", "a=ts-refclk:ntp=x",
]  # fmt: skip
WAYS = ("insert", "repeat", "reorder")


def test_there_are_enough_of_them() -> None:
    assert len(CORPUS) >= 120 and len(HARMLESS) >= 60
    assert len({entry.text for entry in CORPUS}) == len(CORPUS)
    assert {entry.form for entry in CORPUS} == {
        "sip offer",
        "sip answer",
        "web offer",
        "web answer",
        "web answer av",
    }


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.device)
async def test_a_description_of_a_device_is_answered_rightly(entry: Entry) -> None:
    assert await outcome(entry.text, entry.form) == entry.right


def mutated(entry: Entry, line: str, way: str, chance: random.Random) -> str:
    """The entry with the line somewhere behind its t= line: once, twice, or with two attributes exchanged."""
    lines = list(entry.lines)
    first = next(at for at, text in enumerate(lines) if text.startswith("t=")) + 1
    lines.insert(chance.randint(first, len(lines)), line)
    if way == "repeat":
        lines.insert(chance.randint(first, len(lines)), line)
    if way == "reorder":
        places = [at for at in range(first, len(lines) - 1) if exchangeable(lines[at], lines[at + 1])]
        for at in chance.sample(places, min(2, len(places))):
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return "\r\n".join(lines) + "\r\n"


def exchangeable(one: str, two: str) -> bool:
    """The order of keys is a preference; that of other attributes says nothing."""
    return one.startswith("a=") and two.startswith("a=") and not one.startswith("a=crypto")


@pytest.mark.family
@pytest.mark.timeout(7200)
async def test_a_line_of_no_consequence_changes_no_answer(
    figure: Callable[[int, int], int], seed: int
) -> None:
    chance = random.Random(seed)
    every = [(entry, line, way) for entry in CORPUS for line in HARMLESS for way in WAYS]
    tries = chance.sample(every, figure(400, len(every)))
    changed = []
    for entry, line, way in tries:
        text = mutated(entry, line, way, chance)
        found = await outcome(text, entry.form)
        if found != entry.right:
            changed.append((entry.device, line, way, found))
    print(f"\n{len(tries)} of {len(every)} combinations, {len(changed)} changed", end=" ")
    assert not changed, f"seed {seed}: {changed[:5]}"
