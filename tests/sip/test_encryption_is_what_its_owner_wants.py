"""`encryption` and `ciphers` of an endpoint or gateway, applied to offers and answers of either side."""

from __future__ import annotations

import base64
import itertools
import re

import pytest

from calling.machine.states import Media
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp import crypto
from calling.sip.edge.media_encryption import (
    DTLS,
    DTLS_SUITES,
    EITHER,
    PLAIN,
    SECURE,
    MediaPolicy,
    form_of,
    offered,
    settled,
    taken,
)
from subscribers.api import fields
from tests.media.phones import CONFIG

KEY = base64.b64encode(bytes(range(30))).decode()
CM = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
SHORT = f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"
GCM = f"a=crypto:3 AEAD_AES_128_GCM inline:{base64.b64encode(bytes(28)).decode()}\r\n"
BAD = f"a=crypto:4 F8_128_HMAC_SHA1_80 inline:{KEY}\r\na=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:x\r\n"
OPEN = f"a=crypto:6 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP\r\n"
PRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\na=setup:actpass\r\n"
WEAK = "a=fingerprint:sha-1 " + ":".join(["AB"] * 20) + "\r\na=setup:actpass\r\n"
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=rtcp-mux\r\n"
HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"


def sound(profile: str, *lines: str, formats: str = "0 8") -> str:
    return f"m=audio 4000 {profile} {formats}\r\n" + "".join(lines)


def policy(encryption: str, private: bool, *ciphers: str) -> MediaPolicy:
    return MediaPolicy(encryption, ciphers, (), private)


SENT = HEAD + sound("RTP/SAVP", CM, SHORT, GCM, PRINT)
AVP, SAVP, TLS = "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"
# offer -> (plain, by SDES, by DTLS): what it can be used as
OFFERS = {
    "plain": (sound(AVP), "plain"),
    "plain with a key": (sound(AVP, CM), "plain sdes"),
    "plain with keys that are none": (sound(AVP, BAD, OPEN), "plain"),
    "SAVP": (sound(SAVP, CM), "sdes"),
    "SAVPF": (sound("RTP/SAVPF", GCM), "sdes"),
    "SAVP in small letters": (sound("rtp/savp", CM), "sdes"),
    "SAVP with a good key behind bad ones": (sound(SAVP, BAD, OPEN, SHORT), "sdes"),
    "SAVP with keys that are none": (sound(SAVP, BAD, OPEN), ""),
    "SAVP without a key": (sound(SAVP), ""),
    "DTLS": (sound(TLS, PRINT), "dtls"),
    "DTLS with a weak fingerprint": (sound(TLS, WEAK), ""),
    "DTLS with a key in place of a fingerprint": (sound(TLS, CM), ""),
    "plain with a fingerprint": (sound(AVP, PRINT), "plain dtls"),
    "plain with both": (sound(AVP, CM, PRINT), "plain sdes dtls"),
    "WebRTC": (sound(TLS, PRINT, ICE), "dtls"),
    "SAVP beside AVP": (sound(SAVP, CM) + sound(AVP), "plain sdes"),
    "AVP beside SAVP": (sound(AVP) + sound(SAVP, CM), "plain sdes"),
}


def ways(text: str) -> set[str]:
    """How an offer that was let through may still be answered."""
    found = set()
    for section in re.split(r"(?m)^(?=m=)", text)[1:]:
        words = section.split()
        if words[1] == "0":
            continue
        profile = words[2].upper()
        if crypto.choose(re.findall(r"(?m)^a=crypto:(.*?)\r?$", section)):
            found.add("sdes")
        if "a=fingerprint:sha-256" in section:
            found.add("dtls")
        if "SAVP" not in profile:
            found.add("plain")
    return found


@pytest.mark.parametrize("name", OFFERS)
@pytest.mark.parametrize(
    ("encryption", "private"),
    list(itertools.product(("default", "optional", "required", "disabled"), (True, False))),
)
def test_an_offer_is_left_with_what_is_allowed(name: str, encryption: str, private: bool) -> None:
    text, able = OFFERS[name]
    can = set(able.split())
    if encryption == "disabled":
        can &= {"plain"}
    if encryption == "required":
        can &= {"sdes", "dtls"} if private else {"dtls"}
    left = taken(HEAD + text, policy(encryption, private))
    assert (left is not None) is bool(can), (can, left)
    if left is None:
        return
    found = ways(left)
    if encryption == "required":
        # what is left can be answered encrypted alone: a section in plain has a key, or is closed
        for section in re.split(r"(?m)^(?=m=)", left)[1:]:
            assert section.split()[1] == "0" or "a=crypto" in section or "a=fingerprint" in section
        assert private or "a=crypto" not in left
    elif encryption == "disabled":
        assert found == {"plain"} and "SAVP" not in re.sub(r"m=audio 0.*", "", left)
    else:
        assert found >= can - ({"sdes"} if "dtls" in can and not private else set())


def test_one_that_is_closed_keeps_its_place() -> None:
    left = taken(HEAD + sound(AVP) + sound(SAVP, CM), policy("required", True))
    assert left is not None
    assert re.findall(r"m=audio (\d+) (\S+)", left) == [("0", AVP), ("4000", SAVP)]


def test_ciphers_leave_the_others_out_and_are_offered_in_their_order() -> None:
    both = HEAD + sound(SAVP, CM, GCM)
    left = taken(both, policy("default", True, "AEAD_AES_128_GCM"))
    assert left is not None and GCM in left and CM not in left
    assert taken(HEAD + sound(SAVP, CM), policy("default", True, "AEAD_AES_128_GCM")) is None
    assert taken(HEAD + sound(TLS, PRINT), policy("default", True, "AEAD_AES_128_GCM")) is None
    assert taken(HEAD + sound(TLS, PRINT), policy("required", False, *DTLS_SUITES)) is not None
    assert settled(HEAD + sound(SAVP, CM), SENT, policy("required", True, "AEAD_AES_128_GCM")) is None
    assert policy("required", True, "AES_256_CM_HMAC_SHA1_80").forms == ()


@pytest.mark.parametrize(
    ("encryption", "private", "forms"),
    [
        ("default", True, (EITHER, SECURE)),
        ("optional", True, (EITHER, SECURE)),
        ("required", True, (SECURE, DTLS)),
        ("disabled", True, (PLAIN,)),
        ("default", False, (PLAIN,)),
        ("optional", False, (PLAIN,)),
        ("required", False, (DTLS,)),
        ("disabled", False, (PLAIN,)),
    ],
)
async def test_a_worker_s_offer_takes_the_forms_of_its_party(
    encryption: str, private: bool, forms: tuple[object, ...]
) -> None:
    wanted = policy(encryption, private)
    assert wanted.forms == forms
    peer = PlainRtpPeer(CONFIG, keys=True)
    try:
        whole = await peer.offer(Media())
        for form in wanted.forms:
            text = offered(whole, form, wanted)
            assert form_of(text) == form
            assert ("a=crypto" in text) is ("crypto" in form.keys)
            assert ("a=fingerprint" in text) is ("a=setup" in text) is ("fingerprint" in form.keys)
            assert re.search(rf"m=audio \d+ {form.profile} ", text)
            for section in re.split(r"(?m)^(?=m=)", text)[1:]:  # RFC 8866 section 9: attributes stand last
                assert re.fullmatch("m(i?)(c*)(b*)(k?)(a*)", "".join(re.findall(r"(?m)^([a-z])=", section)))
        one = offered(whole, SECURE, policy(encryption, True, "AEAD_AES_256_GCM", "AEAD_AES_128_GCM"))
        if encryption != "disabled":
            assert re.findall(r"a=crypto:\d+ (\S+)", one) == ["AEAD_AES_256_GCM", "AEAD_AES_128_GCM"]
        else:
            assert "a=crypto" not in one
    finally:
        await peer.close()


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (sound(AVP), ""),
        (sound(AVP, CM), "private"),
        (sound(SAVP, CM), "private"),
        (sound(SAVP, BAD), ""),
        (sound(SAVP, OPEN), ""),
        (sound(TLS, PRINT), "private open"),
        (sound(SAVP, CM) + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n", ""),
        (sound(SAVP, CM) + "m=video 0 RTP/AVP 96\r\n", "private"),
    ],
)
def test_an_answer_in_plain_does_not_fit_where_encryption_is_required(answer: str, right: str) -> None:
    private = settled(HEAD + answer, SENT, policy("required", True))
    assert (private is not None) is ("private" in right)
    if private is not None:
        assert private.strip() == (HEAD + answer).strip()
    open_ = settled(HEAD + answer, HEAD + sound(TLS, PRINT), policy("required", False))
    assert (open_ is not None) is ("open" in right)
    assert settled(HEAD + answer, SENT, policy("optional", True)) is not None


def test_keys_that_were_not_offered_are_not_taken_from_an_answer() -> None:
    plain = settled(HEAD + sound(AVP, CM, PRINT), HEAD + sound(AVP), policy("default", True))
    assert plain is not None and "a=crypto" not in plain and "a=fingerprint" not in plain
    assert "a=setup" not in plain
    sdes = settled(HEAD + sound(SAVP, PRINT), HEAD + sound(SAVP, CM), policy("required", True))
    assert sdes is None, "a fingerprint where only a key was offered"
    assert settled(HEAD + sound(SAVP, CM), HEAD + sound(TLS, PRINT), policy("required", True)) is None


def test_codecs_leave_the_others_out_of_an_offer_of_theirs() -> None:
    left = taken(HEAD + sound(AVP), MediaPolicy(codecs=("PCMA",)))
    assert left is not None and "m=audio 4000 RTP/AVP 8\r\n" in left
    assert taken(HEAD + sound(AVP, formats="0"), MediaPolicy(codecs=("PCMA",))) is None


def test_the_api_takes_the_suites_that_are_spoken() -> None:
    assert set(crypto.SUITES) == fields.SUITES and not fields.SUITES & fields.OTHER_SUITES


def test_a_key_is_never_shown_by_the_value_that_holds_it() -> None:
    found = crypto.read(CM[len("a=crypto:") :].strip())
    assert found is not None and "key" not in repr(found) and KEY not in repr(found)
