"""A picture in layers (RFC 8853): what browsers offer with `sendEncodings`, and what is agreed."""

from __future__ import annotations

from pathlib import Path

import pytest

from calling.machine.states import Media
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp import model, negotiation
from calling.sdp.model import MID, REPAIRED_STREAM_ID, STREAM_ID
from tests.media.phones import CONFIG

FOLDER = Path(__file__).parent / "layered"
OFFERS = {
    path.stem: path.read_text().replace("\n", "\r\n").replace("192.0.2.210", "127.0.0.1")
    for path in sorted(FOLDER.glob("*.txt"))
}
CHROMIUM = OFFERS["chromium"]


async def answered(offer: str, *, layered: bool = True, wants: Media | None = None) -> tuple[WebRtcPeer, str]:
    peer = WebRtcPeer(CONFIG)
    peer.layered = layered
    try:
        return peer, await peer.answer(offer, wants)
    finally:
        await peer.close()


@pytest.mark.parametrize("browser", OFFERS)
async def test_three_layers_of_a_browser_are_taken_with_the_headers_that_tell_them(browser: str) -> None:
    peer, answer = await answered(OFFERS[browser])
    line = next(line for line in peer.port.lines if line.kind == "video")
    assert line.layers == ("f", "h", "q")
    assert {MID, STREAM_ID, REPAIRED_STREAM_ID} <= set(line.extensions)
    assert [f"a=rid:{rid} recv" in answer for rid in "fhq"] == [True] * 3
    assert "a=simulcast:recv f;h;q\r\n" in answer
    assert f"a=extmap:{line.extensions[STREAM_ID]}/recvonly {STREAM_ID}" in answer


@pytest.mark.parametrize("browser", OFFERS)
async def test_outside_of_rooms_one_stream_is_agreed_with_the_headers_that_were_offered(browser: str) -> None:
    """Without them, a later offer of Chromium breaks its own rules, and it does not take it."""
    peer, answer = await answered(OFFERS[browser], layered=False)
    line = next(line for line in peer.port.lines if line.kind == "video")
    assert line.layers == () and {STREAM_ID, REPAIRED_STREAM_ID} <= set(line.extensions)
    assert "a=rid" not in answer and "simulcast" not in answer and STREAM_ID in answer


async def test_who_offers_one_stream_gets_no_headers_of_layers() -> None:
    _, answer = await answered(without(CHROMIUM, "a=simulcast", "a=rid"), layered=False)
    assert STREAM_ID not in answer and REPAIRED_STREAM_ID not in answer


async def test_layers_once_agreed_stay_agreed_when_the_party_leaves_its_room() -> None:
    peer = WebRtcPeer(CONFIG)
    peer.layered = True
    try:
        await peer.answer(CHROMIUM)
        peer.layered = False
        assert "a=simulcast:recv f;h;q" in await peer.renegotiate(CHROMIUM)
        assert "simulcast" not in await peer.renegotiate(without(CHROMIUM, "a=simulcast"))
    finally:
        await peer.close()


def without(offer: str, *beginnings: str) -> str:
    return "".join(f"{line}\r\n" for line in offer.split("\r\n")[:-1] if not line.startswith(beginnings))


@pytest.mark.parametrize(
    ("offer", "layers"),
    [
        (CHROMIUM.replace("send f;h;q", "send f;~h;q"), ("f", "h", "q")),
        (CHROMIUM.replace("send f;h;q", "send f,x;h;q"), ("f", "h", "q")),
        (CHROMIUM.replace("send f;h;q", "recv x;y send q;f"), ("q", "f")),
        (CHROMIUM.replace("send f;h;q", "send f;h;q;h;f"), ("f", "h", "q")),
        (CHROMIUM.replace("a=rid:h send", "a=rid:h send pt=96;max-width=640"), ("f", "h", "q")),
        (CHROMIUM.replace("a=rid:h send", "a=rid:h recv"), ("f", "q")),
        (CHROMIUM.replace("send f;h;q", "send f"), ()),
        (CHROMIUM.replace("send f;h;q", "recv f;h;q"), ()),
        (CHROMIUM.replace("send f;h;q", "send"), ()),
        (CHROMIUM.replace("send f;h;q", "send ;;"), ()),
        (CHROMIUM.replace("a=rid:f send", "a=rid:" + "f" * 17 + " send").replace("h send", "h x"), ()),
        (without(CHROMIUM, "a=rid"), ()),
        (without(CHROMIUM, "a=extmap:10 "), ()),
        (without(CHROMIUM, "a=extmap:4 "), ()),
        (CHROMIUM.replace("a=extmap:10 ", "a=extmap:15 "), ()),
    ],
)
async def test_only_layers_that_can_be_told_from_each_other_are_taken(
    offer: str, layers: tuple[str, ...]
) -> None:
    peer, answer = await answered(offer)
    assert [line.layers for line in peer.port.lines if line.kind == "video"] == [layers]
    assert ("simulcast" in answer) is bool(layers)


async def test_who_is_not_to_send_a_picture_sends_no_layers() -> None:
    peer, answer = await answered(CHROMIUM, wants=Media(video=False))
    assert "simulcast" not in answer and not any(line.layers for line in peer.port.lines)


async def test_no_viewer_is_told_the_layer_of_what_it_gets() -> None:
    peer, _ = await answered(CHROMIUM)
    line = next(line for line in peer.port.lines if line.kind == "video")
    _, numbers = negotiation.translation(line, line)
    assert numbers is not None
    assert not {line.extensions[STREAM_ID], line.extensions[REPAIRED_STREAM_ID]} & set(numbers)
    assert line.extensions[MID] in numbers


def test_at_most_three_layers_are_taken() -> None:
    rids = "abcdefgh"
    lines = "".join(f"a=rid:{rid} send\r\n" for rid in rids)
    offer = CHROMIUM.replace(
        "a=simulcast:send f;h;q\r\n", lines + "a=simulcast:send " + ";".join(rids) + "\r\n"
    )
    section = model.read(offer).sections[1]
    assert section.layers == list(rids)
    assert negotiation.layers_of(section) == ("a", "b", "c")
