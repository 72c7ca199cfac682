"""What a description says counts, not how its maker writes it: letters of either case, long and odd names."""

from __future__ import annotations

import pytest

from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp import model, negotiation, validate
from calling.sdp.peek import sdp_fault
from calling.sip.edge.sdp_offers import fault_of
from tests.media.test_sdp_gate_refuses_with_one_error import FINGERPRINT, GOOD
from tests.media.test_what_can_be_used_of_a_description_is_used import (
    HEAD,
    SOUND,
    VIDEO,
    browser,
    formats,
    made,
    plain,
)

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
SIGNED = FINGERPRINT + "\r\na=setup:actpass\r\n"


@pytest.mark.parametrize(
    ("profile", "more", "keys"),
    [
        ("rtp/avp", "", ""),
        ("Rtp/Avpf", "", ""),
        ("rtp/savp", KEY, "crypto"),
        ("RTP/savpf", KEY, "crypto"),
        ("udp/tls/rtp/savp", SIGNED, "fingerprints"),
    ],
)
async def test_a_profile_over_sip_has_letters_of_either_case(profile: str, more: str, keys: str) -> None:
    offer = HEAD + SOUND.replace("RTP/AVP", profile) + more
    assert fault_of(offer) is None
    (sound,) = await plain(offer)
    assert (formats(sound), sound.profile) == ([0, 101], profile), "an answer repeats what it answers"
    assert not keys or getattr(sound, keys)


@pytest.mark.parametrize("profile", ["udp/tls/rtp/savpf", "UDP/TLS/rtp/SAVPF", "rtp/savpf"])
async def test_a_browsers_profile_has_letters_of_either_case(profile: str) -> None:
    offer = GOOD.replace("UDP/TLS/RTP/SAVPF", profile)
    assert sdp_fault(offer) is None and validate.is_webrtc(offer)
    (sound,) = await browser(offer)
    assert (formats(sound), sound.profile) == ([111, 0, 110], profile)


@pytest.mark.parametrize("mid", ["audio", "m" * 33, "m" * 40, "m" * 255, "!#$%&'*+-.^_`{|}~"])
async def test_a_section_keeps_the_name_that_its_maker_gave_it(mid: str) -> None:
    """An answer without it is of no BUNDLE, and its sections are not found."""
    named = GOOD.replace("BUNDLE 0", f"BUNDLE {mid} 1").replace("a=mid:0", f"a=mid:{mid}")
    async with made(WebRtcPeer) as peer:
        answer = model.read(await peer.answer(named + VIDEO))
    assert [section.mid for section in answer.sections] == [mid, "1"] and answer.bundle == [mid, "1"]
    assert formats(answer.sections[0]) == [111, 0, 110] and answer.sections[1].port != 0


@pytest.mark.parametrize("foundation", ["1", "H-c0a8:1", "f" * 40, "f" * 256, "a_b=c", "{0}"])
def test_a_candidate_is_used_whatever_its_foundation_is(foundation: str) -> None:
    line = f"{foundation} 1 udp 2130706431 192.0.2.77 5000 typ host"
    (section,) = model.admitted(GOOD + f"a=candidate:{line}\r\n").sections
    assert line in section.candidates
    assert validate.admit_candidate(f"candidate:{line}") == line


@pytest.mark.parametrize("spelled", ["opus/48000", "OPUS/48000/1", "opus/48000/2"])
async def test_opus_is_opus_however_many_channels_a_device_writes(spelled: str) -> None:
    """RFC 7587 section 7 says two; packets of either tell by themselves, and pass through as they are."""
    offer = GOOD.replace("opus/48000/2", spelled)
    (sound,) = await browser(offer)
    assert formats(sound) == [111, 0, 110]
    (own,) = model.admitted(GOOD).sections
    (theirs,) = model.admitted(offer).sections
    assert negotiation.carrier(theirs.codecs[0], own.codecs) is own.codecs[0]


async def test_the_name_of_a_section_is_no_extension_where_it_has_none() -> None:
    """What packets said would be nobody's."""
    uri = "urn:ietf:params:rtp-hdrext:sdes:mid"
    offer = GOOD + f"a=extmap:4 {uri}\r\n"
    (named,) = await browser(offer)
    assert named.extensions[uri] == 4
    (bare,) = await browser(offer.replace("a=mid:0\r\n", "").replace("a=group:BUNDLE 0\r\n", ""))
    assert uri not in bare.extensions and formats(bare) == [111, 0, 110]
