"""One leg's media peer: SDP in, SDP out, packets through its MediaPort. What the session holds.

    answer = await peer.answer(offer_sdp, media)             the device offered
    offer = await peer.offer(media); await peer.accept(sdp)  SignalWire clients and SIP over WebRTC
    peer.port.set_audio_source(other.port); peer.port.set_video_source(tone); peer.port.mute({"audio"})
    await peer.close()

No call logic here: the peer tells what happened (calling.media.rtp.events) and does as it is told.
`BadSdp` (a ValueError with a sentence for the client) is the one error of a bad description, `NoPort`
(an OSError) that of a port range that is used up.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

from calling.machine.states import Media
from calling.media.aiortc_private.dtls import new_certificate
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import Signal
from calling.media.rtp.media_port import MediaPort
from calling.sdp import model, negotiation
from calling.sdp.model import Description, Section
from calling.sdp.negotiation import Transceiver


def answered_sections(offered: list[Transceiver], remote: Description) -> list[Section]:
    """One section of an answer for each line that was offered; what is missing or of another kind is
    rejected, and what was not asked for is left out."""
    found = {section.index: section for section in remote.sections}
    return [
        section
        if (section := found.get(line.index)) is not None and section.kind == line.kind
        else Section(line.kind, line.index, line.mid, port=0)
        for line in offered
    ]


class MediaPeer(ABC):
    """One peer. Signals go to `on_signal`, in the loop."""

    def __init__(self, config: MediaConfig, on_signal: Callable[[Signal], None] | None = None) -> None:
        self.config = config
        self.port = MediaPort(config, on_signal or (lambda signal: None))
        self._session_id, self._version = secrets.randbits(62), 0
        self._lines: list[Transceiver] = []  # as agreed
        self._closing = False
        self.insists = False  # on the first format of pictures, whatever the far end lists first
        self.layered = False  # whether a picture is taken in several layers from the next description on

    def associate_anew(self) -> None:
        """The far end of the coming offer has an association with another peer of ours, which this one
        takes the place of: it tells the new one by its fingerprint."""
        self.config = replace(self.config, certificate=new_certificate())

    @abstractmethod
    async def offer(self, wants: Media) -> str:
        """Make a complete offer."""

    @abstractmethod
    async def accept(self, answer_sdp: str) -> None:
        """Take the answer to `offer`."""

    @abstractmethod
    async def answer(self, offer_sdp: str, wants: Media | None = None) -> str:
        """Take an offer and give the complete answer. wants: narrows the offer (None: as offered)."""

    async def renegotiate(self, offer_sdp: str, wants: Media | None = None) -> str:
        """Answer a later offer: new lines, other directions, an ICE restart, or a wholly new peer."""
        return await self.answer(offer_sdp, wants)

    @abstractmethod
    async def add_candidate(
        self, candidate: str, sdp_mid: str | None = None, sdp_m_line_index: int | None = None
    ) -> None:
        """A trickled candidate (`candidate:…`); passed over where there is no ICE."""

    @abstractmethod
    async def close(self) -> None:
        """Stop everything within 5 s; may be called at any time and more than once, never raises."""

    def prefer(self, codec: str) -> None:
        """Put `opus` or `PCMU`, `VP8` or `H264` first in descriptions made from now on."""
        self.insists = self.insists or codec.lower() in negotiation.VIDEO_NAMES
        self.config = self.config.preferring(codec)

    def wish(self, section: Section) -> str | None:
        """What that section of the far end's is to be ordered by; None: its own order."""
        first = self.config.first(section.kind)
        return first if self.insists and section.kind == "video" else negotiation.wish(section, first)

    @property
    def codec(self) -> str | None:
        """Name of the agreed audio codec that is listed first, in lower case."""
        first = self.port.audio_out.codec
        return first.name.lower() if first is not None else None

    def directions(self) -> dict[str, str]:
        """kind -> direction as agreed, from the device's point of view (`sendrecv`, …, `inactive`)."""
        return negotiation.directions(self._lines)

    def _write(self, description: Description) -> str:
        self._version += 1
        return model.write(description, self._session_id, self._version, self.config.advertised)
