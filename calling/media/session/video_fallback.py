"""Who cannot see whom for want of a common codec, and what is done about it.

Pictures are forwarded, never transcoded. A device that sends in a format which its viewer lacks, though
both speak another, is asked for a fresh offer, whose answer lists the other first. Where that is of no
use, the viewer's leg says that there is no common codec. Nothing here touches a packet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from calling.machine.plan import PeerMode, PeerPlan
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.sender import RtpSender
from calling.sdp.negotiation import shared

ASKED, NONE = "codec", "no_common_codec"
SETTLE_SECONDS = 8.0  # for a device that is asked: 5 s for its offer, and time for the answer


class VideoParty(Protocol):
    """What is needed of a carried peer."""

    plan: PeerPlan

    @property
    def port(self) -> MediaPort: ...


class VideoFallback:
    """The pictures of one session. `lost(peer id, reason, kind)` tells the door."""

    def __init__(self, peers: Mapping[str, VideoParty], lost: Callable[[str, str, str], None]) -> None:
        self._peers = peers
        self._lost = lost
        self._asked: dict[str, str] = {}  # source -> the codec it was asked for
        self._told: set[tuple[str, str]] = set()  # (viewer, source) of which it was said

    def codec_for(self, peer_id: str, call_id: str) -> str | None:
        """The picture codec to list first for this peer: what the others of its call need, or was asked."""
        asked = self._asked.get(peer_id)
        if asked is not None:
            return asked
        for other_id, other in self._peers.items():
            line = other.port.video_in.line
            if other_id != peer_id and other.plan.call_id == call_id and line is not None:
                names = {codec.name for codec in line.codecs}
                if len(names) == 1:
                    return str(names.pop())
        return None

    def cannot_see(self, viewer_id: str) -> None:
        """A picture comes for this peer that it cannot show."""
        viewer = self._peers.get(viewer_id)
        if viewer is None:
            return
        for sender, receiver, source_id in self._unseen(viewer):
            source = self._peers[source_id]
            theirs, mine = receiver.line, sender.line
            name = shared(theirs, mine) if theirs is not None and mine is not None else None
            able = source.plan.kind == "phone" and source.plan.mode is PeerMode.ANSWER
            if name is None or not able:
                self._give_up(viewer_id, source_id)
                continue
            if source_id not in self._asked:
                self._asked[source_id] = name
                self._lost(source_id, ASKED, "video")
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._look_again, viewer_id, source_id)

    def _unseen(self, viewer: VideoParty) -> Iterator[tuple[RtpSender, RtpReceiver, str]]:
        for sender in viewer.port.senders():
            if sender.kind != "video" or not isinstance(sender.source, RtpReceiver):
                continue
            for source_id, source in self._peers.items():
                if sender.source in source.port.receivers() and not isinstance(
                    sender.active_source, RtpReceiveStream
                ):
                    yield sender, sender.source, source_id

    def _look_again(self, viewer_id: str, source_id: str) -> None:
        viewer = self._peers.get(viewer_id)
        if viewer is not None and any(each == source_id for *_, each in self._unseen(viewer)):
            self._give_up(viewer_id, source_id)

    def _give_up(self, viewer_id: str, source_id: str) -> None:
        if (viewer_id, source_id) not in self._told:
            self._told.add((viewer_id, source_id))
            self._lost(viewer_id, NONE, "video")
