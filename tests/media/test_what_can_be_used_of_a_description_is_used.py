"""RFC 3264 section 6: a section that cannot be used gets port 0 and the rest goes on; lines of no consequence
are passed over (RFC 8866 section 5). Offers and answers, of SIP phones and of browsers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from calling.machine.states import Media
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp import model, validate
from calling.sdp.model import Section
from calling.sdp.peek import media_of_sdp
from calling.sdp.validate import BadSdp
from tests.media.phones import CONFIG
from tests.media.test_sdp_gate_refuses_with_one_error import FINGERPRINT, GOOD

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
SOUND = (
    "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=sendrecv\r\n"
)
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:" + "x" * 24 + "\r\n" + FINGERPRINT + "\r\na=setup:actpass\r\n"
BOTH = Media(True, True, True, True)


@contextlib.asynccontextmanager
async def made(kind: type[WebRtcPeer] | type[PlainRtpPeer], config=CONFIG, **options: bool) -> AsyncIterator:  # type: ignore[no-untyped-def,type-arg]
    peer = kind(config, **options)
    try:
        yield peer
    finally:
        await peer.close()


async def plain(offer: str, **changes: object) -> list[Section]:
    """The sections of the answer to a SIP offer."""
    async with made(PlainRtpPeer, replace(CONFIG, **changes)) as peer:  # type: ignore[arg-type]
        return model.read(await peer.answer(offer)).sections


async def browser(offer: str, **changes: object) -> list[Section]:
    async with made(WebRtcPeer, replace(CONFIG, **changes)) as peer:  # type: ignore[arg-type]
        return model.read(await peer.answer(offer)).sections


def formats(section: Section) -> list[int]:
    return [codec.pt for codec in section.codecs] if section.port else []


UNUSABLE = [
    "m=image 40002 udptl t38\r\na=T38FaxVersion:0\r\n",
    "m=image 0 udptl t38\r\n",
    "m=text 40004 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n",
    "m=message 40006 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://a/1;tcp\r\n",
    "m=video 0 RTP/AVP 255\r\n",
    "m=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n",
    "m=audio 40008 UDP/TLS/RTP/SAVP 0\r\na=fingerprint:sha-1 AA\r\n",
    "m=application 40010 UDP/BFCP *\r\na=floorctrl:c-s\r\n",
    "m=application 40012 RTP/AVP 100\r\na=rtpmap:100 H224/4800\r\n",
    "m=x-new 40014 SOME/NEW/THING 1 2 3\r\nfoo\r\n",
    "m=audio 40016 RTP/AVP 18\r\n",
    "m=audio 40016 RTP/AVP\r\n",
    "m=audio 40018 RTP/SAVP 0\r\na=crypto:1 AEAD_AES_256_GCM inline:short\r\n",
    "m=video 40020 RTP/AVP 34\r\na=rtpmap:34 H263/90000\r\n",
    "m=audio 40022 RTP/AVP 8\r\nc=IN IP6 2001:db8::7\r\n",
]


@pytest.mark.parametrize("other", UNUSABLE)
@pytest.mark.parametrize("first", [False, True], ids=["behind", "before"])
async def test_a_section_that_cannot_be_used_is_answered_with_port_0(other: str, first: bool) -> None:
    answer = await plain(HEAD + (other + SOUND if first else SOUND + other))
    sound, closed = (answer[1], answer[0]) if first else (answer[0], answer[1])
    assert formats(sound) == [0, 101] and sound.direction == "sendrecv"
    header = other.split("\r\n", 1)[0].split()
    assert (closed.kind, closed.port, closed.profile) == (header[0][2:], 0, header[2])
    assert list(closed.formats) == (header[3:] or ["0"])


LINES = [
    "a=fmtp:* vad=no", "a=ptime:", "a=rtpmap:0  PCMU/8000", "a=ssrc:abc", "a=rtpmap:101",
    "a=rtpmap:x PCMU/8000", "a=rtpmap:102 telephone-event", "a=fmtp:", "a=fmtp:annexb=no",
    "a=ptime:auto", "a=ptime:99999999999", "a=mid:" + "m" * 40, "c=IN IP4", "nothing",
    "a=candidate:1 1 udp 1", "a=candidate:1 1 UDP 9 127.0.0.1 9 typ odd",
    "a=candidate:H-1 1 UDP 9 127.0.0.1 9 typ host", "a=fingerprint:sha-256 zz", FINGERPRINT,
    "a=extmap:x y", "a=extmap:", "a=ssrc-group:FID 1", "a=crypto:",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "=" * 40, "a=rtcp-fb:", "a=rtcp:",
    "a=rtcp:40001 IN IP6 ::1", "a=setup:odd", "a=ice-ufrag:", "a=", "b=", "k=clear:1", "z=",
    "a=rtpmap:9 G722/many", "a=X-nat:0 Symmetric", "a=rtpmap:96 SILK",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
async def test_a_line_of_no_consequence_changes_nothing(line: str) -> None:
    for offer in (HEAD + SOUND + line + "\r\n", HEAD + line + "\r\n" + SOUND):
        (sound,) = await plain(offer)
        assert formats(sound) == [0, 101] and sound.direction == "sendrecv"


async def test_formats_that_are_none_are_passed_over() -> None:
    (sound,) = await plain(HEAD + SOUND.replace("0 101", "255 0 96 x 101") + "a=rtpmap:96 SILK\r\n")
    assert formats(sound) == [0, 101]


async def test_lines_may_end_in_blanks_and_the_version_too() -> None:
    (sound,) = await plain((HEAD + SOUND).replace("\r\n", " \r\n"))
    assert formats(sound) == [0, 101]


async def test_of_two_usable_sound_sections_the_first_is_taken() -> None:
    """Phones with optional encryption offer SAVP and AVP side by side."""
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
    secure = SOUND.replace("RTP/AVP", "RTP/SAVP") + key
    answer = await plain(HEAD + secure + SOUND)
    assert [section.port != 0 for section in answer] == [True, False] and answer[0].crypto
    answer = await plain(HEAD + secure.replace("AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80") + SOUND)
    assert [section.port != 0 for section in answer] == [False, True] and not answer[1].crypto


async def test_rtpengines_offer_of_both_keys_is_taken_as_webrtc_or_else_by_its_sdes_key() -> None:
    both = (
        SOUND.replace("RTP/AVP", "RTP/SAVPF")
        + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
        + "A" * 40
        + "\r\n"
    )
    whole = HEAD + both + ICE
    assert validate.is_webrtc(whole)
    (sound,) = await browser(whole)
    assert formats(sound) == [0, 101] and sound.fingerprints and not sound.crypto
    without_ice = HEAD + both + FINGERPRINT + "\r\n"
    assert not validate.is_webrtc(without_ice)
    (sound,) = await plain(without_ice)
    assert formats(sound) == [0, 101] and sound.crypto


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s + "a=ptime:\r\n",
        lambda s: s.replace("0 101", "0 126 255"),
        lambda s: s + "a=fmtp:* vad=no\r\n",
        lambda s: s + "m=video 0 RTP/AVP 31\r\n",
        lambda s: s + "m=image 40002 udptl t38\r\n",
        lambda s: s + "a=candidate:nonsense\r\n",
        lambda s: s + "line\r\n",
        lambda s: s + "a=rtpmap:96 foo\r\n",
    ],
)
async def test_an_answer_is_used_as_far_as_it_goes(change) -> None:  # type: ignore[no-untyped-def]
    async with made(PlainRtpPeer) as peer:
        await peer.offer(Media())
        await peer.accept(change(HEAD + SOUND))
        assert peer.codec == "pcmu" and peer.port.up
        assert peer.directions()["audio"] == "sendrecv"


async def test_an_answer_with_a_section_too_few_or_of_another_kind_keeps_what_fits() -> None:
    async with made(PlainRtpPeer) as peer:
        await peer.offer(BOTH)
        await peer.accept(HEAD + SOUND)
        assert peer.directions() == {"audio": "sendrecv", "video": "inactive"}
    async with made(PlainRtpPeer) as peer:
        await peer.offer(BOTH)
        await peer.accept(HEAD + SOUND + "m=image 5000 udptl t38\r\n")
        assert peer.codec == "pcmu"


@pytest.mark.parametrize(
    "answer", ["m=audio 0 RTP/AVP 0\r\n", "m=audio 40000 RTP/AVP 18\r\n", "m=image 9 udptl t38\r\n"]
)
async def test_an_answer_without_anything_usable_is_refused(answer: str) -> None:
    async with made(PlainRtpPeer) as peer:
        await peer.offer(Media())
        with pytest.raises(BadSdp):
            await peer.accept(HEAD + answer)


BROWSERS = [
    "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=rtpmap:98 t140/1000\r\n",
    "m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + ICE,
    "m=video 0 RTP/AVP 255\r\n",
    "a=rtpmap:99 foo\r\n",
    "a=mid:" + "m" * 40 + "\r\n",
    "a=candidate:1 1 udp 2130706431 192.0.2.10 5000 typ odd\r\n",
    "a=candidate:H-c0a8:1 1 udp 2130706431 192.0.2.10 5000 typ host\r\n",
    "a=candidate:" + "f" * 40 + " 1 udp 2130706431 192.0.2.10 5000 typ host\r\n",
    "a=candidate:1 1 udp 1 192.0.2.1 99999 typ host\r\n",
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H263/90000\r\na=mid:v\r\n" + ICE,
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n",
]


@pytest.mark.parametrize("more", BROWSERS)
async def test_a_browsers_offer_is_used_as_far_as_it_goes(more: str) -> None:
    sound = (await browser(GOOD + more))[0]
    assert formats(sound) == [111, 0, 110] and sound.mid == "0"


async def test_a_version_line_may_end_in_a_blank() -> None:
    assert formats((await browser(GOOD.replace("v=0", "v=0 ")))[0]) == [111, 0, 110]


VIDEO = (
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtpmap:96 VP8/90000\r\n"
)
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=sendrecv\r\n"
GROUP = GOOD.replace("BUNDLE 0", "BUNDLE 0 1")


@pytest.mark.parametrize("only", ["", "a=bundle-only\r\n"], ids=["plain", "bundle-only"])
@pytest.mark.parametrize("section", [VIDEO, DATA, AUDIO], ids=["video", "data", "audio"])
async def test_a_bundled_section_takes_the_transport_of_the_tagged_one(section: str, only: str) -> None:
    answer = await browser(GROUP + section + only)
    assert formats(answer[0]) == [111, 0, 110]
    assert (answer[1].port != 0) is (section is not DATA)
    if section is VIDEO:
        assert answer[1].direction == "sendrecv" and answer[1].ufrag == answer[0].ufrag


async def test_a_section_outside_the_bundle_needs_lines_of_its_own() -> None:
    answer = await browser(GOOD + VIDEO)
    assert [section.port != 0 for section in answer] == [True, False]


async def test_the_tagged_section_may_stand_behind_the_others() -> None:
    head, sound = GOOD.split("m=audio", 1)
    offer = (
        head.replace("BUNDLE 0", "BUNDLE 0 1")
        + VIDEO.replace("video 9", "video 0")
        + "a=bundle-only\r\nm=audio"
        + sound
    )
    async with made(WebRtcPeer) as peer:
        answer = model.read(await peer.answer(offer))
        assert [section.port != 0 for section in answer.sections] == [True, True]
        assert answer.bundle == ["0", "1"] and len(set(peer._transports.values())) == 1
        (spoken,) = peer._spoken_to.values()
        assert spoken.candidates and spoken.ufrag == "abcd"


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_port_0_with_bundle_only_is_an_accepted_section(kind: str) -> None:
    """Firefox with bundlePolicy max-bundle (RFC 9143 section 6, RFC 9429 section 5.2.1)."""
    section = VIDEO if kind == "video" else AUDIO
    closed = section.replace(f"m={kind} 9", f"m={kind} 0")
    offer = GROUP + closed + "a=bundle-only\r\n"
    read = model.admitted(offer)
    assert [each.rejected for each in read.sections] == [False, False]
    assert model.admitted(GROUP + closed).sections[1].rejected, "without the mark it is rejected"
    outside = model.admitted(GOOD + closed + "a=bundle-only\r\n")
    assert outside.sections[1].rejected, "nor does the mark mean anything outside the group"
    media = media_of_sdp(offer)
    assert (media.video, media.receive_video) == ((True, True) if kind == "video" else (False, False))


async def test_a_bundle_only_picture_is_answered_with_a_picture() -> None:
    answer = await browser(GROUP + VIDEO.replace("video 9", "video 0") + "a=bundle-only\r\n")
    assert (answer[1].kind, answer[1].direction, answer[1].port != 0) == ("video", "sendrecv", True)


def candidate(number: int, component: int = 1, transport: str = "udp", host: str = "192.0.2.10") -> str:
    return f"a=candidate:{number} {component} {transport} 1 {host} {5000 + number} typ host\r\n"


def test_the_first_20_usable_candidates_are_taken_and_the_rest_ignored() -> None:
    text = GOOD.replace(candidate(1), "")
    text += "".join(candidate(n, transport="tcp") for n in range(30))
    text += "".join(candidate(n, component=2) for n in range(30))
    text += "".join(candidate(n, host="abc.local") for n in range(30)) + "a=candidate:odd\r\n"
    text += "".join(candidate(n) for n in range(100, 140))
    (section,) = model.admitted(text).sections
    assert len(section.candidates) == 20
    assert section.candidates[1].startswith("100 1 udp") and section.candidates[19].startswith("118 1")


async def test_candidates_of_a_plain_offer_are_not_even_counted() -> None:
    many = "".join(candidate(n, component=n % 2 + 1) for n in range(48))
    assert formats((await plain(HEAD + SOUND + many))[0]) == [0, 101]


@pytest.mark.parametrize(
    "address",
    ["IP6 2001:db8::7", "IP6 ::1", "IP6 ::ffff:192.0.2.7", "IP4 phone.example", "IP4 224.2.1.1/127"],
)
async def test_an_address_that_packets_cannot_go_to_is_refused_and_no_timer_fails(address: str) -> None:
    offer = HEAD.replace("IP4 127.0.0.1\r\nt", address + "\r\nt") + SOUND
    async with made(PlainRtpPeer) as peer:
        with pytest.raises(BadSdp):
            await peer.answer(offer)
        assert peer.port.lines == []
        answer = await peer.answer(offer.replace("m=audio", "m=audio 5 RTP/AVP 18\r\nm=audio").replace(
            "a=rtpmap:0", "c=IN IP4 127.0.0.1\r\na=rtpmap:0"))  # fmt: skip
        assert formats(model.read(answer).sections[1]) == [0, 101]
        peer.port.on_second(0.0)


async def test_a_refused_later_offer_leaves_all_as_it_was() -> None:
    async with made(PlainRtpPeer) as peer:
        await peer.answer(HEAD + SOUND)
        before = (peer.port.lines, peer.codec, peer._wires[0].remote, dict(peer.port.lines[0].events))
        for offer in (
            HEAD + SOUND.replace("0 101", "18"),
            HEAD + "m=image 40002 udptl t38\r\n",
            HEAD + "m=audio 0 RTP/AVP 0\r\nm=image 40002 udptl t38\r\n",
            HEAD.replace("IP4 127.0.0.1\r\nt", "IP6 ::1\r\nt") + SOUND.replace("40000", "40444"),
        ):
            with pytest.raises(BadSdp):
                await peer.renegotiate(offer)
            now = (peer.port.lines, peer.codec, peer._wires[0].remote, dict(peer.port.lines[0].events))
            assert now == before


@pytest.mark.parametrize(
    ("listed", "answered"),
    [
        ("8 101", [8, 101]),
        ("9", [9]),
        ("9 0 101", [9, 0, 101]),
        ("8 0", [8, 0]),
        ("0 8 9 101", [0, 8, 9, 101]),
    ],
)
async def test_a_later_offer_is_answered_from_itself(listed: str, answered: list[int]) -> None:
    async with made(PlainRtpPeer) as peer:
        await peer.answer(HEAD + SOUND)
        port = peer._wires[0].sock.getsockname()[1]
        text = await peer.renegotiate(HEAD + SOUND.replace("0 101", listed))
        (sound,) = model.read(text).sections
        assert (formats(sound), sound.port) == (answered, port)
        assert sorted(peer.port.audio_in._codecs) == sorted(pt for pt in answered if pt != 101)


async def test_a_later_offer_may_have_more_sections_or_fewer() -> None:
    async with made(PlainRtpPeer) as peer:
        await peer.answer(HEAD + SOUND)
        more = model.read(await peer.renegotiate(HEAD + SOUND + UNUSABLE[0])).sections
        assert [section.port != 0 for section in more] == [True, False]
        fewer = model.read(await peer.renegotiate(HEAD + SOUND)).sections
        assert [section.port != 0 for section in fewer] == [True]


async def test_payload_types_may_change_in_a_later_offer() -> None:
    async with made(PlainRtpPeer) as peer:
        await peer.answer(HEAD + SOUND)
        text = await peer.renegotiate(HEAD + SOUND.replace("101", "96"))
        assert formats(model.read(text).sections[0]) == [0, 96]
        assert peer.port.lines[0].events == {8000: 96}


@pytest.mark.parametrize("listed", ["9 0 120", "0 9 120", "8 9 0 120"])
async def test_a_sip_offer_is_answered_in_its_own_order(listed: str) -> None:
    (sound,) = await plain(HEAD + f"m=audio 40000 RTP/AVP {listed}\r\na=rtpmap:120 telephone-event/8000\r\n")
    assert formats(sound) == [int(word) for word in listed.split()]


@pytest.mark.parametrize(
    ("listed", "prefer", "answered"),
    [
        ("111 0 8", "opus", [111, 0, 8]),  # a browser's usual order: contract order
        ("111 0 8", "PCMU", [0, 111, 8]),
        ("0 111 8", "opus", [0, 111, 8]),  # the client put PCMU first
        ("8 111 0", "PCMU", [8, 111, 0]),
        ("9 111 0", "opus", [9, 111, 0]),
    ],
)
async def test_a_clients_own_order_counts_more_than_ours(
    listed: str, prefer: str, answered: list[int]
) -> None:
    offer = GOOD.replace("SAVPF 111 0 110", f"SAVPF {listed}")
    assert formats((await browser(offer, prefer=prefer))[0]) == answered


async def test_our_later_offer_keeps_sections_ports_and_payload_types() -> None:
    async with made(PlainRtpPeer) as peer:
        first = (
            HEAD
            + UNUSABLE[0]
            + SOUND.replace("0 101", "126 111 101")
            + "a=rtpmap:126 opus/48000/2\r\na=rtpmap:111 G722/8000\r\n"
        )
        before = model.read(await peer.answer(first)).sections
        image, sound = model.read(await peer.offer(Media())).sections
        assert (image.kind, image.port) == ("image", 0)
        assert (sound.port, sound.direction) == (before[1].port, "sendrecv")
        numbers = {
            codec.name.lower(): codec.pt
            for codec in sound.codecs
            if codec.clock != 48000 or codec.name == "opus"
        }
        assert (numbers["opus"], numbers["g722"], numbers["telephone-event"]) == (126, 111, 101)
        assert len(formats(sound)) == len(set(formats(sound))) == 6
        await peer.accept(HEAD + "m=image 0 udptl t38\r\n" + SOUND.replace("40000", "40500"))
        assert peer.codec == "pcmu" and peer._wires[1].remote == ("127.0.0.1", 40500)


@pytest.mark.parametrize("repeats", [True, False], ids=["credentials repeated", "not repeated"])
async def test_candidates_of_a_data_channel_that_is_tagged_are_those_of_the_bundle(repeats: bool) -> None:
    """The section is not taken, and its way is (RFC 9143 section 7.2)."""
    head, _, sound = GOOD.partition("m=audio")
    way = candidate(7) + ICE
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n" + way
    sound = "".join(
        line + "\r\n"
        for line in ("m=audio" + sound).split("\r\n")
        if line and not re.match("a=(candidate|ice-|fingerprint|setup)", line)
    )
    offer = head.replace("BUNDLE 0", "BUNDLE 1 0") + data + sound + (ICE if repeats else "")
    audio = model.admitted(offer).sections[1]
    assert [line.split()[0] for line in audio.candidates] == ["7"] and audio.ufrag == "abcd"
    async with made(WebRtcPeer) as peer:
        answer = model.read(await peer.answer(offer))
        assert [section.port != 0 for section in answer.sections] == [False, True]
        (spoken,) = peer._spoken_to.values()
        assert spoken.candidates


async def test_a_section_with_a_way_of_its_own_takes_no_others_candidates() -> None:
    head, _, sound = GOOD.partition("m=audio")
    data = (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n"
        + candidate(7)
        + ICE.replace("abcd", "efgh")
    )
    offer = head.replace("BUNDLE 0", "BUNDLE 1 0") + data + "m=audio" + sound
    assert all(not line.startswith("7 ") for line in model.admitted(offer).sections[1].candidates)
