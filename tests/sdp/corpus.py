"""Offers and answers as phones, gateways and WebRTC stacks write them, each with the right answer to it.

`corpus/*.txt` holds entries of the form

    === device, situation | form | right answer
    v=0 …

form: `sip offer`, `sip answer`, `web offer`, `web answer`; an answer with ` av` is one to sound and picture.
right answer: per section, separated by `;`, either `-` (port 0) or `codec/payload type direction [digits]`,
the direction as ours, the digits' payload types with commas; or `none`: nothing in it can be used. The texts
were written for these tests after what such devices are known to send; names and addresses are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calling.machine.states import Media
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp import model, validate
from calling.sdp.negotiation import Transceiver
from calling.sdp.validate import BadSdp
from tests.media.phones import CONFIG

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Entry:
    device: str
    form: str
    right: str
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.split("\r\n")[:-1]


def entries() -> list[Entry]:
    """All of them, in a fixed order."""
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        for block in path.read_text(encoding="utf-8").split("=== ")[1:]:
            head, _, body = block.partition("\n")
            device, form, right = (part.strip() for part in head.split("|"))
            found.append(Entry(device, form, right, "\r\n".join(body.strip("\n").split("\n")) + "\r\n"))
    return found


def told(line: Transceiver) -> str:
    if line.rejected:
        return "-"
    digits = ",".join(str(pt) for pt in sorted(line.events.values()))
    return f"{line.codecs[0].name}/{line.codecs[0].pt} {line.direction} {digits}".strip()


async def outcome(text: str, form: str) -> str:
    """What a real peer makes of a description, in the words of the corpus."""
    webrtc = form.startswith("web") or (validate.is_webrtc(text) and "offer" in form)
    peer = (WebRtcPeer if webrtc else PlainRtpPeer)(CONFIG)
    try:
        if "offer" in form:
            mirrors(text, await peer.answer(text))
        else:
            await peer.offer(Media(True, True, True, True) if form.endswith("av") else Media())
            await peer.accept(text)
        return "; ".join(told(line) for line in peer.port.lines)
    except BadSdp:
        return "none"
    finally:
        await peer.close()


def mirrors(offer: str, answer: str) -> None:
    """What every answer owes its offer: its sections in their order, its mids, formats out of its own."""
    heads = [line[2:].split() for line in offer.replace("\r\n", "\n").split("\n") if line.startswith("m=")]
    ours = model.read(answer)
    assert [section.kind for section in ours.sections] == [head[0] for head in heads]
    assert [section.profile for section in ours.sections] == [head[2] for head in heads]
    for section, head in zip(ours.sections, heads, strict=True):
        assert set(section.formats) <= set(head[3:]), (section.formats, head)
    theirs = model.read(validate.admit(offer, loopback=True, plain=not validate.is_webrtc(offer)))
    assert [section.mid for section in ours.sections] == [section.mid for section in theirs.sections]
    assert set(ours.bundle) <= set(theirs.bundle)
